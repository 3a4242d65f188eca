use std::{io, time::Duration};

use http::Request;
use longhaul::{
    Class, ErrorKind,
    attempt::Sent,
    error::{Clock, ConnectStage},
};
use longhaul_hyper::{Client, ConnectError};
use longhaul_testing::{cause, chain, harness::trusting};
use rustls::RootCertStore;
use tokio::time::Instant;

use crate::{
    call, plain, post,
    server::{accept, https, listen},
};

#[tokio::test]
async fn a_refused_connection_is_never_sent() {
    let (listener, address) = listen().await;
    drop(listener);
    let (request, attempt) = post(&address, 10);

    let error = call(&plain(), request).await.expect_err("nobody listens");

    let stage = ConnectStage::Tcp;
    assert_eq!(*error.kind(), ErrorKind::Connect { stage });
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(attempt.sent(), Sent::Nothing);
    let said = cause(&error).map(io::Error::kind);
    assert_eq!(said, Some(io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn without_an_attempt_the_kind_alone_says_never_sent() {
    let (listener, address) = listen().await;
    drop(listener);
    let request = Request::post(&address)
        .body("a picture, please".into())
        .expect("a valid request");

    let error = call(&plain(), request).await.expect_err("nobody listens");

    assert!(error.attempt().is_none());
    assert_eq!(error.class(), Class::NeverSent);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_never_sent() {
    // No resolver can look up so long a label, so none is asked.
    let (request, _) = post(&format!("http://{}.test/", "a".repeat(64)), 10);

    let error = call(&plain(), request).await.expect_err("no such host");

    let stage = ConnectStage::Dns;
    assert_eq!(*error.kind(), ErrorKind::Connect { stage });
    assert_eq!(error.class(), Class::NeverSent);
}

#[tokio::test]
async fn an_address_that_is_no_address_is_never_sent() {
    for address in ["/only/a/path", "ftp://127.0.0.1/"] {
        for attempt in [true, false] {
            let (mut request, _) = post(address, 10);
            if !attempt {
                request.extensions_mut().clear();
            }
            let error = call(&plain(), request).await.expect_err("no http address");
            assert_eq!(error.class(), Class::NeverSent, "{address}");
        }
    }
}

#[tokio::test]
async fn https_is_refused_by_a_client_for_plain_http() {
    let (listener, _) = listen().await;
    let (request, _) = post(&https(&listener), 10);

    let error = call(&plain(), request).await.expect_err("no TLS");

    let stage = ConnectStage::Tls;
    assert_eq!(*error.kind(), ErrorKind::Connect { stage });
    assert!(
        chain(&error).contains("plain http only"),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn the_connect_clock_covers_a_handshake_that_never_answers() {
    let (listener, _) = listen().await;
    let limit = Duration::from_millis(200);
    let client = Client::builder()
        .connect_timeout(limit)
        .tls_config(trusting(RootCertStore::empty()))
        .build()
        .expect("valid settings");
    let (request, attempt) = post(&https(&listener), 10);
    let silent = tokio::spawn(async move {
        let _open = accept(&listener).await;
        std::future::pending::<()>().await
    });

    let started = Instant::now();
    let error = call(&client, request).await.expect_err("no handshake");

    assert!(started.elapsed() < Duration::from_secs(8));
    match *error.kind() {
        ErrorKind::Timeout {
            clock: Clock::Connect,
            limit: told,
            elapsed,
            resolution: None,
        } => {
            assert_eq!(told, limit);
            assert!(elapsed >= limit);
        }
        ref other => panic!("{other:?}"),
    }
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(attempt.sent(), Sent::Nothing);
    let stage = cause(&error).map(ConnectError::stage);
    assert_eq!(stage, Some(ConnectStage::Tls));
    silent.abort();
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_connects_is_never_sent() {
    let (listener, _) = listen().await;
    let client = Client::builder()
        .tls_config(trusting(RootCertStore::empty()))
        .build()
        .expect("valid settings");
    let (request, attempt) = post(&https(&listener), 10);

    let waited = tokio::time::timeout(Duration::from_millis(100), call(&client, request)).await;

    assert!(waited.is_err(), "the handshake has no partner");
    assert_eq!(attempt.sent(), Sent::Nothing);
}

#[tokio::test]
async fn the_connector_serves_a_hyper_util_client_of_your_own() {
    use http_body_util::{BodyExt, Full};
    use hyper_util::{client::legacy, rt::TokioExecutor};
    use tokio::io::AsyncWriteExt;

    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        crate::server::read_request(&mut stream)
            .await
            .expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            .await
            .expect("a reader");
    });
    let connector = Client::builder()
        .plain_http_only()
        .build_connector()
        .expect("valid settings");
    let client: legacy::Client<_, Full<bytes::Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);

    let response = client
        .get(address.parse().expect("an address"))
        .await
        .expect("an answer");

    let body = response.collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"hi");
    server.await.expect("served");
}

#[test]
fn no_root_certificates_is_an_error_at_build() {
    // The variables that name the roots belong to the process, so another process is asked.
    let this = std::env::current_exe().expect("a path");
    let output = std::process::Command::new(this)
        .args([
            "--ignored",
            "--exact",
            "connect::in_a_process_without_roots",
        ])
        .env("SSL_CERT_FILE", "/nowhere")
        .env("SSL_CERT_DIR", "/nowhere")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
#[ignore = "run by `no_root_certificates_is_an_error_at_build`"]
fn in_a_process_without_roots() {
    let built = Client::builder().build::<http_body_util::Empty<bytes::Bytes>>();
    let error = built.expect_err("no roots");
    assert_eq!(error.field(), "tls_config");

    let plain = Client::builder().plain_http_only();
    assert!(plain.build::<http_body_util::Empty<bytes::Bytes>>().is_ok());
}

#[test]
fn a_setting_that_cannot_work_is_refused_by_name() {
    let built = Client::builder()
        .plain_http_only()
        .connect_timeout(Duration::ZERO)
        .build_connector();
    assert_eq!(built.expect_err("no time").field(), "connect_timeout");
}

#[test]
fn what_the_client_hands_out_can_cross_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<ConnectError>();
    shared::<Client<std::cell::Cell<u8>>>();
    shared::<longhaul_hyper::ResponseBody>();
    fn sent<T: Send + 'static>() {}
    sent::<longhaul_hyper::ResponseFuture>();
}
