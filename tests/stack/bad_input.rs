//! Whatever is put into the stack, it ends in a plain error or passes plainly.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use longhaul::{
    BoxError, Class, ErrorKind, Stack, StackRequestBody,
    retry::{RetryReport, StoppedBy},
};
use longhaul_sim::Dialect;
use longhaul_testing::{MockBody, Step, harness::exact};
use tower::{Layer, service_fn};

use crate::calls::{picture, post, scripted, send};

const IMAGES: &str = "v1/images/generations";

/// What the client below a stack gets to send.
type Sent<B> = Request<StackRequestBody<B>>;

/// Sends it to a provider that finds nothing wrong by itself, and returns its status.
async fn answered<B>(request: Request<B>) -> StatusCode
where
    B: Body + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
    B::Data: Send,
{
    let harness = scripted("none");
    let answer = send(harness.client(), request).await.unwrap();
    harness.assert_agreement().await;
    // What is wrong stays wrong: it is sent once.
    assert_eq!(harness.provider.oracle().entries().len(), 1);
    answer.status()
}

#[tokio::test(start_paused = true)]
async fn json_that_is_none_passes_and_is_the_providers_to_refuse() {
    let endless = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = [
        "{",
        "null",
        "[]",
        r#"{"prompt":"#,
        r#"{"prompt":"\ud800","size":"4K"}"#,
        r#"{"size":{"size":{"size":4}},"prompt":7}"#,
        "{\"prompt\":\"\0\"}",
        &endless,
    ];
    for body in bodies {
        let status = answered(post(IMAGES, Full::new(Bytes::from(body.to_owned())))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.40}");
    }
    let noise = Full::new(Bytes::from(vec![0xff; 10_000]));
    assert_eq!(answered(post(IMAGES, noise)).await, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_passes() {
    let empty = || Empty::<Bytes>::new();
    assert_eq!(
        answered(post(IMAGES, empty())).await,
        StatusCode::BAD_REQUEST
    );
    let mut get = post("v1/models", empty());
    *get.method_mut() = http::Method::GET;
    assert_eq!(answered(get).await, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn foreign_and_absurd_headers_pass() {
    let mut request = picture(Dialect::OpenAi);
    let headers = request.headers_mut();
    headers.insert("content-type", "image/x-nothing; charset".parse().unwrap());
    headers.insert("content-length", "18446744073709551615".parse().unwrap());
    headers.insert("retry-after", "-1".parse().unwrap());
    headers.insert("x-long", HeaderValue::try_from("x".repeat(60_000)).unwrap());
    headers.insert("x-bytes", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    for number in 0..2000 {
        let name = HeaderName::try_from(format!("x-{number}")).unwrap();
        headers.append(name, HeaderValue::from_static(""));
    }
    assert_eq!(answered(request).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_no_text_is_kept_and_left_out_of_the_ledger() {
    let harness = scripted("none");
    let mut request = picture(Dialect::OpenAi);
    let key = HeaderValue::from_bytes(b"\xff").unwrap();
    request.headers_mut().insert("idempotency-key", key);
    assert_eq!(
        send(harness.client(), request).await.unwrap().status(),
        StatusCode::OK
    );
    let record = &harness.stack.ledger().records()[0];
    assert_eq!(record.opening.idempotency_key, None);
}

/// What a server may send: no header of it makes the stack panic, wait for ever, or lose the answer.
#[tokio::test(start_paused = true)]
async fn absurd_answers_pass() {
    let values = [
        "-1",
        "NaN",
        "inf",
        "1e300",
        "",
        "Thu, 99 Foo 2099 99:99:99 GMT",
        "\t",
    ];
    for value in values {
        for (status, class) in [(429, Class::RateLimited), (999, Class::ServerError)] {
            let client = service_fn(move |request: Sent<Full<Bytes>>| async move {
                drop(request.into_body().collect().await);
                let answer = Response::builder()
                    .status(status)
                    .header("retry-after", value)
                    .header("retry-after-ms", value)
                    .header("content-type", value)
                    .body(Full::<Bytes>::from("\u{feff}{"))?;
                Ok::<_, BoxError>(answer)
            });
            let stack = Stack::new(exact(Default::default())).unwrap();
            let answer = send(stack.layer(client), picture(Dialect::OpenAi)).await;
            let answer = answer.unwrap();
            assert_eq!(answer.body(), "\u{feff}{");
            let report = answer.extensions().get::<RetryReport>().unwrap();
            let last = report.classes().last().unwrap();
            assert_eq!(last, Some(class), "{status} with {value:?}");
        }
    }
}

const MEGABYTES: usize = 100;

#[tokio::test(start_paused = true)]
async fn a_body_above_the_cap_is_sent_once_whole_and_never_held_whole() {
    // One megabyte, shared by all frames; how many follow nobody says.
    let frame = Bytes::from(vec![b' '; 1 << 20]);
    let body = MockBody::of(vec![frame; MEGABYTES]);
    let taken = body.taken();
    let before_sending = Arc::new(AtomicU64::new(0));
    let client = {
        let (taken, before_sending) = (taken.clone(), before_sending.clone());
        service_fn(move |request: Sent<MockBody>| {
            before_sending.store(taken.load(Relaxed), Relaxed);
            async move {
                let mut body = request.into_body();
                let mut received = 0;
                while let Some(frame) = body.frame().await {
                    received += frame?.into_data().unwrap().len();
                }
                assert_eq!(received, MEGABYTES << 20);
                let answer = Response::builder().status(503);
                Ok::<_, BoxError>(answer.body(Full::<Bytes>::from("busy"))?)
            }
        })
    };
    let stack = Stack::new(exact(Default::default())).unwrap();
    let request = post(IMAGES, body);
    let answer = send(stack.layer(client), request).await.unwrap();

    let cap = stack.policy().detect.replay_limit;
    assert!(before_sending.load(Relaxed) <= cap + (1 << 20));
    let report = answer.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Body);
    assert_eq!(report.attempts().len(), 1);
    assert_eq!(stack.ledger().records().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_breaks_is_said_to_and_nothing_is_sent() {
    let harness = scripted("none");
    let broken = MockBody::new([Step::Fail("the disk is gone")]);
    let error = send(harness.client(), post(IMAGES, broken))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RequestBody);
    assert_eq!(error.class(), Class::NeverSent);
    assert!(harness.provider.oracle().entries().is_empty());
    assert!(harness.stack.ledger().records().is_empty());
}
