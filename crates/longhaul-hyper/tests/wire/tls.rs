use http::Version;
use http_body_util::BodyExt;
use longhaul::{Class, ErrorKind, attempt::Sent, error::ConnectStage};
use longhaul_hyper::Client;
use longhaul_testing::{chain, harness::trusting};
use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;

use crate::{
    Http, call, post,
    server::{accept, accept_tls, https, listen, read_request, tls},
};

fn client(config: rustls::ClientConfig) -> Http {
    Client::builder()
        .tls_config(config)
        .build()
        .expect("valid settings")
}

#[tokio::test]
async fn a_server_with_h2_alone_fails_in_the_handshake() {
    let (listener, _) = listen().await;
    let (acceptor, config) = tls(&["h2"]);
    let (request, attempt) = post(&https(&listener), 10);
    tokio::spawn(async move { acceptor.accept(accept(&listener).await).await.map(drop) });

    let error = call(&client(config), request)
        .await
        .expect_err("no HTTP/1.1");

    let stage = ConnectStage::Tls;
    assert_eq!(*error.kind(), ErrorKind::Connect { stage });
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(attempt.sent(), Sent::Nothing);
    let text = chain(&error);
    assert!(
        text.contains("the server does not offer HTTP/1.1"),
        "{text}"
    );
    assert!(text.contains("NoApplicationProtocol"), "{text}");
}

#[tokio::test]
async fn a_server_that_prefers_h2_is_spoken_to_in_http_1() {
    let (listener, _) = listen().await;
    let (acceptor, mut config) = tls(&["h2", "http/1.1"]);
    // What a configuration brings along is overwritten.
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (mut request, attempt) = post(&https(&listener), 10);
    *request.version_mut() = Version::HTTP_2;
    let server = tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &acceptor).await;
        let read = read_request(&mut stream).await.expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            .await
            .expect("a reader");
        let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        (alpn, read)
    });

    let response = call(&client(config), request).await.expect("an answer");

    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(attempt.http_version(), Some(Version::HTTP_11));
    response.collect().await.expect("a body");
    let (alpn, read) = server.await.expect("served");
    assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
    assert!(read.starts_with(b"POST / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_server_without_alpn_is_spoken_to_in_http_1() {
    let (listener, _) = listen().await;
    let (acceptor, config) = tls(&[]);
    let (request, _) = post(&https(&listener), 10);
    tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &acceptor).await;
        read_request(&mut stream).await.expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .expect("a reader");
    });

    let response = call(&client(config), request).await.expect("an answer");

    assert_eq!(response.version(), Version::HTTP_11);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_never_sent_to() {
    let (listener, _) = listen().await;
    let (acceptor, _) = tls(&["http/1.1"]);
    let (request, _) = post(&https(&listener), 10);
    tokio::spawn(async move { acceptor.accept(accept(&listener).await).await.map(drop) });

    let stranger = trusting(RootCertStore::empty());
    let error = call(&client(stranger), request)
        .await
        .expect_err("no trust");

    let stage = ConnectStage::Tls;
    assert_eq!(*error.kind(), ErrorKind::Connect { stage });
    assert_eq!(error.class(), Class::NeverSent);
}
