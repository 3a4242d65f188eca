use std::time::Duration;

use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use longhaul::{Attempt, Class, Error, ErrorKind, Phase, attempt::Sent};
use longhaul_testing::{MockBody, Step, chain};
use tokio::io::AsyncWriteExt;

use crate::{
    call, plain, post,
    server::{
        Pair, accept, accept_tls, both, https, listen, read_part, read_request, reset, say, tls,
    },
};

pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
/// More than all socket buffers on the way hold.
pub(crate) const LARGE: usize = 32 << 20;

/// What was proved, the class and the kind must tell the same story.
pub(crate) fn agrees(error: &Error, attempt: &Attempt) {
    let (class, kind) = match attempt.sent() {
        Sent::Nothing => (Class::NeverSent, ErrorKind::NotStarted),
        Sent::Part => (Class::SentPartial, ErrorKind::Disconnected),
        Sent::PossiblyWhole => (Class::UnknownOutcome, ErrorKind::Disconnected),
    };
    assert_eq!(
        (error.class(), error.kind()),
        (class, &kind),
        "{}",
        chain(error)
    );
}

#[tokio::test]
async fn an_answer_leaves_its_milestones_in_the_attempt() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        for _ in 0..2 {
            read_request(&mut stream).await.expect("a request");
            stream.write_all(ANSWER).await.expect("a reader");
        }
    });
    let client = plain();

    let (request, first) = post(&address, 10);
    let response = call(&client, request).await.expect("an answer");
    let body = response.collect().await.expect("a body").to_bytes();

    assert_eq!(&body[..], b"hi");
    assert_eq!(first.status(), Some(StatusCode::OK));
    assert_eq!(first.http_version(), Some(Version::HTTP_11));
    assert_eq!(first.phase(), Phase::Body);
    let timing = first.timing();
    assert!(timing.flushed.expect("flushed") <= timing.head.expect("answered"));

    // What the connection does for the next call changes nothing of it.
    let (request, _second) = post(&address, 10);
    call(&client, request).await.expect("an answer");
    assert_eq!(first.timing(), timing);
    server.await.expect("served both on one connection");
}

#[tokio::test]
async fn what_an_immediate_close_means_follows_from_what_was_written() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            drop(accept(&listener).await);
        }
    });
    let client = plain();

    for _ in 0..50 {
        let (request, attempt) = post(&address, 10);
        let error = call(&client, request).await.expect_err("closed");
        agrees(&error, &attempt);
    }
}

#[tokio::test]
async fn a_reset_after_the_whole_request_is_an_unknown_outcome() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        reset(stream);
    });
    let (request, attempt) = post(&address, 10);

    let error = call(&plain(), request).await.expect_err("reset");

    assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    assert!(attempt.timing().flushed.is_some());
    agrees(&error, &attempt);
}

#[tokio::test]
async fn without_an_attempt_a_reset_is_an_unknown_outcome() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        reset(stream);
    });
    let request = Request::post(&address)
        .body("a picture, please".into())
        .expect("a valid request");

    let error = call(&plain(), request).await.expect_err("reset");

    assert_eq!(*error.kind(), ErrorKind::Disconnected);
    assert_eq!(error.class(), Class::UnknownOutcome);
}

#[tokio::test]
async fn a_reset_amid_a_large_request_is_sent_partial() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_part(&mut stream, LARGE / 2).await;
        reset(stream);
    });
    let (request, attempt) = post(&address, LARGE);

    let error = call(&plain(), request).await.expect_err("reset");

    assert_eq!(attempt.sent(), Sent::Part);
    agrees(&error, &attempt);
}

#[tokio::test]
async fn a_reset_amid_a_large_request_over_tls_is_sent_partial() {
    let (listener, _) = listen().await;
    let (acceptor, config) = tls(&["http/1.1"]);
    let (request, attempt) = post(&https(&listener), LARGE);
    tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &acceptor).await;
        read_part(&mut stream, LARGE / 4).await;
        reset(stream.into_inner().0);
    });
    let client = longhaul_hyper::Client::builder()
        .tls_config(config)
        .build()
        .expect("valid settings");

    let error = call(&client, request).await.expect_err("reset");

    assert_eq!(attempt.sent(), Sent::Part);
    agrees(&error, &attempt);
}

#[tokio::test]
async fn an_answer_cut_in_its_body_is_undelivered() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf a pic")
            .await
            .expect("a reader");
    });
    let (request, _) = post(&address, 10);

    let response = call(&plain(), request).await.expect("a head");
    let error = response.collect().await.expect_err("cut");

    assert_eq!(*error.kind(), ErrorKind::Disconnected);
    assert_eq!(error.class(), Class::Undelivered);
    assert!(std::error::Error::source(&error).is_some());
}

/// What becomes of the second request on a connection, of `size` bytes, whose server ends it after `read` of them.
async fn reused(pair: Pair, size: usize, read: usize) -> Sent {
    let (client, address, accept) = pair.split();
    let server = async {
        let mut stream = accept().await;
        read_request(&mut stream).await.expect("the first");
        say(&mut stream, ANSWER).await;
        read_part(&mut stream, read).await;
    };
    let client = async {
        let (request, _) = post(&address, 10);
        let first = call(&client, request).await.expect("an answer");
        first.collect().await.expect("a body");

        let (request, attempt) = post(&address, size);
        let error = call(&client, request).await.expect_err("closed");
        agrees(&error, &attempt);
        attempt.sent()
    };
    tokio::join!(server, client).1
}

#[tokio::test]
async fn a_reused_connection_that_dies_is_an_unknown_outcome() {
    both(async |pair| assert_eq!(reused(pair, 10, 10).await, Sent::PossiblyWhole)).await;
}

/// What is unread makes a reset of the close.
#[tokio::test]
async fn a_reused_connection_that_dies_half_way_is_sent_partial() {
    both(async |pair| assert_eq!(reused(pair, LARGE, LARGE / 4).await, Sent::Part)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_close_between_requests_means_is_what_was_written() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let mut stream = accept(&listener).await;
            tokio::spawn(async move {
                read_request(&mut stream).await.expect("a request");
                stream.write_all(ANSWER).await.expect("a reader");
            });
        }
    });
    let client = plain();

    let mut answered = 0;
    for _ in 0..200 {
        let (request, attempt) = post(&address, 10);
        match call(&client, request).await {
            Ok(response) => {
                response.collect().await.expect("a body");
                answered += 1;
            }
            Err(error) => agrees(&error, &attempt),
        }
    }
    assert!(answered > 0);
}

#[tokio::test]
async fn a_call_that_is_dropped_after_its_request_may_be_running() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        // The caller goes away, and so does the connection.
        assert!(read_request(&mut stream).await.is_none());
    });
    let (request, attempt) = post(&address, 10);

    let waited = tokio::time::timeout(Duration::from_millis(300), call(&plain(), request)).await;

    assert!(waited.is_err(), "nobody answers");
    assert_eq!(attempt.sent(), Sent::PossiblyWhole);
    assert_eq!(attempt.phase(), Phase::Head);
    server.await.expect("the connection was closed");
}

#[tokio::test]
async fn a_request_is_sent_once_whatever_happens() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let mut connections = 0;
        let patience = Duration::from_millis(500);
        while let Ok(stream) = tokio::time::timeout(patience, accept(&listener)).await {
            connections += 1;
            reset(stream);
        }
        connections
    });
    let (request, _) = post(&address, 10);

    call(&plain(), request).await.expect_err("reset");

    assert_eq!(server.await.expect("counted"), 1);
}

#[tokio::test]
async fn a_request_body_that_fails_at_once_sends_nothing() {
    use tower_service::Service;

    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await;
    });
    let mut request = Request::post(&address)
        .body(MockBody::new([Step::Fail("the disk is gone")]))
        .expect("a valid request");
    let (attempt, _) = Attempt::enter(request.extensions_mut());
    let mut client = longhaul_hyper::Client::builder()
        .plain_http_only()
        .build()
        .expect("valid settings");

    let error = client.call(request).await.expect_err("no body");

    assert_eq!(*error.kind(), ErrorKind::RequestBody);
    assert_eq!(attempt.sent(), Sent::Nothing);
    assert!(
        chain(&error).contains("the disk is gone"),
        "{}",
        chain(&error)
    );
}
