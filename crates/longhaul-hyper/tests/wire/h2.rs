use h2::{Reason, server};
use http::{Response, Version};
use longhaul::{Class, ErrorKind, attempt::Sent};
use longhaul_hyper::{Client, HttpVersion};
use tokio_rustls::TlsAcceptor;

use crate::{
    Http, call, post,
    server::{accept_tls, https, listen, tls},
};

/// A client that may use HTTP/2, and a server that answers with `reason` or, without one, with 200.
async fn negotiated(reason: Option<Reason>) -> (Http, String) {
    let (listener, _) = listen().await;
    let address = https(&listener);
    let (acceptor, config): (TlsAcceptor, _) = tls(&["h2", "http/1.1"]);
    tokio::spawn(async move {
        let stream = accept_tls(&listener, &acceptor).await;
        let mut connection = server::handshake(stream).await.expect("HTTP/2");
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            match reason {
                Some(reason) => respond.send_reset(reason),
                None => drop(respond.send_response(Response::new(()), true)),
            }
        }
    });
    let client = Client::builder()
        .tls_config(config)
        .http_version(HttpVersion::Negotiated)
        .build()
        .expect("valid settings");
    (client, address)
}

#[tokio::test]
async fn a_client_that_may_negotiate_uses_h2_and_proves_nothing() {
    let (client, address) = negotiated(None).await;
    let (request, attempt) = post(&address, 10);

    let response = call(&client, request).await.expect("an answer");

    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(attempt.sent(), Sent::PossiblyWhole);
}

#[tokio::test]
async fn a_refused_stream_is_refused_by_the_peer() {
    let (client, address) = negotiated(Some(Reason::REFUSED_STREAM)).await;
    let (request, _) = post(&address, 10);

    let error = call(&client, request).await.expect_err("refused");

    assert_eq!(*error.kind(), ErrorKind::RefusedByPeer);
    assert_eq!(error.class(), Class::Refused);
}

#[tokio::test]
async fn a_stream_that_is_reset_for_another_reason_is_an_unknown_outcome() {
    let (client, address) = negotiated(Some(Reason::INTERNAL_ERROR)).await;
    let (request, _) = post(&address, 10);

    let error = call(&client, request).await.expect_err("reset");

    assert_eq!(*error.kind(), ErrorKind::Disconnected);
    assert_eq!(error.class(), Class::UnknownOutcome);
}
