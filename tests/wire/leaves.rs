//! What leaves this machine, and what does not.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use longhaul::{
    Class, ErrorKind,
    attempt::Sent,
    error::{ConnectStage, Insecure},
    http1::Sensitive,
    policy::Policy,
};
use longhaul_sim::{Dialect, server::Protocols};
use longhaul_testing::{
    chain,
    harness::{
        Harness, Http, SentBody, UNSENT_ATTEMPTS, perform, plain, request, request_of, stack,
    },
};
use tower::{Layer, ServiceExt, util::MapRequest};

use crate::{
    raw::{Recorder, listen, split},
    seen::{header, only_record},
};

const NO_PICTURE: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_request_leaves_whole_with_its_length_and_in_http_1() {
    let recorder = Recorder::answering(NO_PICTURE).await;
    // Longer than one slice of the stack's.
    let prompt = "a cat ".repeat(50_000);
    let asked = request_of(&recorder.url, Dialect::OpenAi, &prompt);
    let body = asked.body().clone();
    let body = body.collect().await.expect("infallible").to_bytes();

    perform(stack(Policy::default()).layer(plain()), asked).await;

    let requests = recorder.requests();
    assert_eq!(requests.len(), 1, "one attempt, one request");
    let (head, sent) = split(&requests[0]).expect("a head");
    assert!(
        head.starts_with("post /v1/images/generations http/1.1\r\n"),
        "{head}"
    );
    let length = format!("\r\ncontent-length: {}", body.len());
    assert!(head.contains(&length), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(head.contains("\r\nx-longhaul-attempt: 1"), "{head}");
    assert_eq!(sent, body, "not a byte is changed");
}

#[tokio::test]
async fn each_attempt_is_one_request_with_one_key_and_its_own_number() {
    for dialect in [Dialect::OpenAi, Dialect::Gemini] {
        let scene = Harness::new("cut@60,reset,none").await;

        let ended = scene.perform(scene.request(dialect)).await;

        assert!(ended.picture().is_some(), "{ended:?}");
        let entries = scene.truth().await;
        let numbers: Vec<_> = entries.iter().map(|entry| entry.attempt).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
        let key = entries[0].key.as_deref().expect("a key");
        assert!(
            entries
                .iter()
                .all(|entry| entry.key.as_deref() == Some(key))
        );
        for entry in &entries {
            let length = entry.body_bytes.to_string();
            assert_eq!(header(entry, "content-length"), Some(&*length));
            assert_eq!(header(entry, "transfer-encoding"), None);
            assert_eq!(entry.http_version, "HTTP/1.1");
        }
        let connections = scene.server.connections();
        let requests: u64 = connections
            .iter()
            .map(|connection| connection.requests)
            .sum();
        assert_eq!(requests, 3, "nothing below the stack sends again");
        assert_eq!(scene.stack.ledger().records().len(), 3);
        scene.assert_agreement().await;
    }
}

#[tokio::test]
async fn a_callers_own_key_is_sent_and_two_operations_have_two() {
    let scene = Harness::new("").await;
    let mut own = scene.request(Dialect::OpenAi);
    own.headers_mut()
        .insert("idempotency-key", "cat-1".parse().expect("a value"));

    scene.perform(own).await;
    scene.perform(scene.request(Dialect::OpenAi)).await;
    scene.perform(scene.request(Dialect::OpenAi)).await;

    let keys: Vec<_> = scene
        .truth()
        .await
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert_eq!(keys[0].as_deref(), Some("cat-1"));
    assert!(keys[1].is_some() && keys[1] != keys[2], "{keys:?}");
}

#[tokio::test]
async fn a_server_that_offers_h2_and_http_1_is_spoken_to_in_http_1() {
    let scene = Harness::encrypted("none", Protocols::Any).await;

    let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    let connections = scene.server.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].alpn.as_deref(), Some("http/1.1"));
    assert_eq!(connections[0].http_version.as_deref(), Some("HTTP/1.1"));
    let version = ended.report.attempts()[0].http_version();
    assert_eq!(version, Some(http::Version::HTTP_11));
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_server_of_h2_alone_is_never_sent_to_and_the_error_says_why() {
    let scene = Harness::encrypted("none", Protocols::Http2).await;

    let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

    assert_eq!(ended.classes(), [Class::NeverSent; UNSENT_ATTEMPTS]);
    let stage = ConnectStage::Tls;
    assert_eq!(*ended.error().kind(), ErrorKind::Connect { stage });
    let text = chain(ended.error());
    assert!(
        text.contains("the server does not offer HTTP/1.1"),
        "{text}"
    );
    assert!(text.contains("it may have cost nothing"), "{text}");
    let connections = scene.server.connections();
    assert_eq!(connections.len(), UNSENT_ATTEMPTS, "one an attempt");
    assert!(
        connections
            .iter()
            .all(|connection| connection.requests == 0)
    );
    scene.assert_agreement().await;
}

/// A client that counts the requests which it is asked to send.
fn counting(
    count: Arc<AtomicUsize>,
) -> MapRequest<Http, impl FnMut(Request<SentBody>) -> Request<SentBody> + Clone> {
    let count = move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        request
    };
    ServiceExt::<Request<SentBody>>::map_request(plain(), count)
}

#[tokio::test]
async fn a_key_never_leaves_over_plain_http_on_a_public_network() {
    for dialect in [Dialect::OpenAi, Dialect::Gemini] {
        let stack = stack(Policy::default());
        let count = Arc::<AtomicUsize>::default();
        let client = stack.layer(counting(count.clone()));

        let ended = perform(client, request("http://images.example.com", dialect)).await;

        assert_eq!(*ended.error().kind(), ErrorKind::Insecure(Insecure::Key));
        let text = ended.error().to_string();
        assert!(text.contains("it may have cost nothing"), "{text}");
        assert!(text.contains("use https"), "{text}");
        assert_eq!(count.load(Ordering::Relaxed), 0, "the client was not asked");
        assert_eq!(
            ended.classes(),
            [Class::NeverSent],
            "asking again changes nothing"
        );
        let closing = only_record(&stack).closing.expect("closed");
        assert_eq!(closing.outcome.class, Class::NeverSent);
    }
}

#[tokio::test]
async fn a_sensitive_request_never_leaves_over_plain_http_even_here() {
    let scene = Harness::new("none").await;
    let mut request = scene.request(Dialect::OpenAi);
    request.headers_mut().remove("authorization");
    request.extensions_mut().insert(Sensitive);

    let ended = scene.perform(request).await;

    let kind = ErrorKind::Insecure(Insecure::Sensitive);
    assert_eq!(*ended.error().kind(), kind);
    assert_eq!(ended.classes(), [Class::NeverSent]);
    assert_eq!(scene.server.connections(), []);
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_sensitive_request_leaves_over_https() {
    let scene = Harness::encrypted("none", Protocols::Any).await;
    let mut request = scene.request(Dialect::OpenAi);
    request.extensions_mut().insert(Sensitive);

    let ended = scene.perform(request).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_sees_no_key() {
    let (target, target_url) = listen().await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {target_url}/v1/images/generations\r\n\
         content-length: 0\r\n\r\n"
    );
    let recorder = Recorder::answering(answer).await;
    let stack = stack(Policy::default());

    let asked = request(&recorder.url, Dialect::OpenAi);
    let ended = perform(stack.layer(plain()), asked).await;

    let answer = ended.answer.as_ref().expect("the redirect itself");
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(ended.classes(), [Class::Redirect]);
    assert_eq!(recorder.requests().len(), 1);
    // What was ever connected would be waiting in the backlog by now.
    let waiting = futures_util::FutureExt::now_or_never(target.accept());
    assert!(waiting.is_none(), "{waiting:?}");
    let closing = only_record(&stack).closing.expect("closed");
    assert_eq!(closing.status, Some(StatusCode::TEMPORARY_REDIRECT));
}

#[tokio::test]
async fn no_secret_is_in_what_is_written_down() {
    let scene = Harness::new("unauthorized").await;

    let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

    assert_eq!(ended.classes(), [Class::ClientError]);
    let written = format!("{:?} {:?}", ended.report, scene.stack.ledger().records());
    assert!(!written.contains("secret"), "{written}");
    assert!(!written.contains("a cat"), "{written}");
}

#[tokio::test]
async fn nothing_leaves_where_nobody_listens() {
    let (listener, url) = listen().await;
    drop(listener);
    let stack = stack(Policy::default());

    let ended = perform(stack.layer(plain()), request(&url, Dialect::OpenAi)).await;

    let stage = ConnectStage::Tcp;
    assert_eq!(*ended.error().kind(), ErrorKind::Connect { stage });
    assert_eq!(ended.classes(), [Class::NeverSent; UNSENT_ATTEMPTS]);
    let attempts = ended.report.attempts();
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.sent() == Sent::Nothing)
    );
    assert_eq!(stack.ledger().records().len(), UNSENT_ATTEMPTS);
}
