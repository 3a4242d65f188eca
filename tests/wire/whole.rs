//! An answer whose document is whole is delivered, whatever its connection does.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use longhaul::{Class, End, Stack, StackResponseBody, policy::Policy};
use longhaul_hyper::ResponseBody;
use longhaul_sim::Dialect;
use longhaul_testing::harness::{plain, request_of, stack};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::{Layer, ServiceExt};

use crate::{
    raw::{listen, read_request},
    seen::only_record,
};

/// What a provider's connection does behind its answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It closes in good order, without the last chunk.
    Close,
    /// It is reset.
    Reset,
    /// Somebody on the way keeps it open.
    Hold,
}

/// Answers one request with `answer`, in a chunk of its own that no last chunk follows.
async fn answering(
    answer: &'static str,
    kind: &'static str,
    then: Then,
) -> (String, JoinHandle<()>) {
    let (listener, url) = listen().await;
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_request(&mut stream).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let chunk = format!("{:x}\r\n{answer}\r\n", answer.len());
        stream.write_all(head.as_bytes()).await.expect("a reader");
        stream.write_all(chunk.as_bytes()).await.expect("a reader");
        end(stream, then).await;
    });
    (url, task)
}

async fn end(stream: TcpStream, then: Then) {
    // What was written is read before it is thrown away.
    sleep(Duration::from_millis(300)).await;
    match then {
        Then::Close => {}
        Then::Reset => stream.set_zero_linger().expect("an open socket"),
        Then::Hold => sleep(Duration::from_secs(600)).await,
    }
}

type Answered = Response<StackResponseBody<ResponseBody>>;

async fn call(stack: &Stack, url: &str, accept: Option<&'static str>) -> Answered {
    let mut request = request_of(url, Dialect::OpenAi, "a cat");
    if let Some(accept) = accept {
        let accept = HeaderValue::from_static(accept);
        request.headers_mut().insert("accept", accept);
    }
    let call = stack.layer(plain()).oneshot(request);
    timeout(Duration::from_secs(60), call)
        .await
        .expect("it does not wait for the connection")
        .expect("a picture")
}

async fn read(answered: Answered) -> Bytes {
    let body = timeout(Duration::from_secs(60), answered.into_body().collect());
    let body = body.await.expect("it ends").expect("it ends well");
    body.to_bytes()
}

fn assert_delivered(stack: &Stack, context: &str) {
    let outcome = only_record(stack).closing.expect("it has ended").outcome;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::Finished, Class::Delivered),
        "{context}"
    );
}

const LINK: &str = r#"{"created":1,"data":[{"url":"https://pictures.example/1"}]}"#;

const EVENTS: &str =
    "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\"}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_held_answer_is_delivered_once_its_document_is_whole() {
    for then in [Then::Close, Then::Reset, Then::Hold] {
        let (url, task) = answering(LINK, "application/json", then).await;
        let stack = stack(Policy::default());
        let answered = call(&stack, &url, None).await;
        assert_eq!(answered.headers()["content-length"], LINK.len().to_string());
        assert!(!answered.headers().contains_key("transfer-encoding"));
        assert_eq!(read(answered).await, LINK, "{then:?}");
        assert_delivered(&stack, &format!("{then:?}"));
        task.abort();
    }
}

#[tokio::test]
async fn an_event_stream_is_delivered_once_it_is_done() {
    for then in [Then::Close, Then::Reset, Then::Hold] {
        let (url, task) = answering(EVENTS, "text/event-stream", then).await;
        let stack = stack(Policy::default());
        let answered = call(&stack, &url, Some("text/event-stream")).await;
        assert_eq!(read(answered).await, EVENTS, "{then:?}");
        assert_delivered(&stack, &format!("{then:?}"));
        task.abort();
    }
}

#[tokio::test]
async fn a_reader_that_stops_at_done_has_its_picture() {
    let (url, task) = answering(EVENTS, "text/event-stream", Then::Hold).await;
    let stack = stack(Policy::default());
    let mut body = call(&stack, &url, None).await.into_body();
    let mut read = Vec::new();
    while !read.ends_with(b"[DONE]\n\n") {
        let frame = body.frame().await.expect("more").expect("no break");
        read.extend_from_slice(&frame.into_data().expect("data"));
    }
    drop(body);
    assert_delivered(&stack, "it left at the end");
    assert!(
        stack
            .ledger()
            .claims(&longhaul::billing::ClaimRules::default())
            .is_empty()
    );
    task.abort();
}
