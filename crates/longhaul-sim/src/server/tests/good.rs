use super::*;
use crate::{Received, picture::identity};

#[tokio::test]
async fn http1_carries_request_after_request() {
    let (provider, server) = serve("overloaded,none").await;
    let mut client = http1(connect(&server).await).await;
    let response = client.send_request(request()).await.unwrap();
    assert_eq!(response.status(), 503);
    body(response).await.unwrap();
    client.ready().await.unwrap();
    let response = client.send_request(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(body(response).await.unwrap().len(), length);

    provider.oracle().settled().await;
    let entries = provider.oracle().entries();
    assert_eq!((entries[0].delivered, entries[1].delivered), (false, true));
    assert!(
        entries
            .iter()
            .all(|entry| entry.http_version == "HTTP/1.1" && entry.connection == Some(1))
    );
    let [connection] = &server.connections()[..] else {
        panic!("one connection")
    };
    assert_eq!(
        (connection.requests, connection.http_version.as_deref()),
        (2, Some("HTTP/1.1"))
    );
    assert!(connection.bytes_sent > length as u64 && connection.bytes_received > 0);
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let (provider, server) = serve("").await;
    let mut client = http2(connect(&server).await).await;
    let response = client.send_request(request2()).await.unwrap();
    body(response).await.unwrap();
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.http_version.as_str(), entry.delivered),
        ("HTTP/2.0", true)
    );
}

async fn tls(
    server: &Server,
    alpn: &[&[u8]],
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(server.root_store())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = "127.0.0.1".try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, connect(server).await)
        .await
}

#[tokio::test]
async fn tls_offers_both_versions_and_serves_links_over_https() {
    let provider = provider("");
    let server = Server::builder(provider.clone())
        .tls(true)
        .start()
        .await
        .unwrap();
    assert!(server.url().starts_with("https://127.0.0.1:"));

    let stream = tls(&server, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    body(http2(stream).await.send_request(request2()).await.unwrap())
        .await
        .unwrap();

    let mut client = http1(tls(&server, &[b"http/1.1"]).await.unwrap()).await;
    let ask = r#"{ "prompt": "p", "model": "nano-banana-pro", "response_format": "url" }"#;
    let ask = Request::post(PATH)
        .header("host", server.addr().to_string())
        .body(ask.into())
        .unwrap();
    let answer = body(client.send_request(ask).await.unwrap()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let link = answer["data"][0]["url"].as_str().unwrap();
    let path = link.strip_prefix(&server.url()).expect(link);
    client.ready().await.unwrap();
    let get = Request::get(path)
        .header("host", "x")
        .body(Full::default())
        .unwrap();
    let file = body(client.send_request(get).await.unwrap()).await.unwrap();

    provider.oracle().settled().await;
    let entries = provider.oracle().entries();
    assert_eq!(entries[1].images, [identity(&file).unwrap()]);
    assert_eq!(entries[1].links_fetched, 1);
    let alpn: Vec<_> = server
        .connections()
        .into_iter()
        .map(|connection| connection.alpn.unwrap())
        .collect();
    assert_eq!(alpn, ["h2", "http/1.1"]);
}

#[tokio::test]
async fn a_server_for_http2_alone_fails_the_handshake_of_others() {
    let provider = provider("");
    let builder = Server::builder(provider.clone()).tls(true);
    let server = builder.protocols(Protocols::Http2).start().await.unwrap();
    tls(&server, &[b"http/1.1"]).await.unwrap_err();
    assert!(provider.oracle().entries().is_empty());
    while !server.connections()[0].handshake_failed {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_real_4k_answer_arrives_whole() {
    let provider = Provider::builder().speed(1000.0).build().unwrap();
    let server = Server::start(provider.clone()).await.unwrap();
    let mut client = http1(connect(&server).await).await;
    let answer = body(client.send_request(request()).await.unwrap())
        .await
        .unwrap();
    assert!(answer.len() > 10_000_000);
    serde_json::from_slice::<serde_json::Value>(&answer).unwrap();
    assert!(only_entry(&provider).await.delivered);
}

#[tokio::test]
async fn a_client_that_leaves_amid_the_work_is_charged() {
    let (provider, server) = serve("silence,silence").await;
    let mut first = http1(connect(&server).await).await;
    let mut second = http2(connect(&server).await).await;
    let calls = tokio::spawn(async move {
        tokio::join!(
            first.send_request(request()),
            second.send_request(request2())
        )
    });
    while provider.oracle().totals().read_whole < 2 {
        tokio::task::yield_now().await;
    }
    calls.abort();
    provider.oracle().settled().await;
    for entry in provider.oracle().entries() {
        assert_eq!((entry.received, entry.client_left), (Received::Whole, true));
        assert_eq!((entry.charged_micros, entry.delivered), (240_000, false));
    }
    assert_eq!(provider.oracle().entries().len(), 2);
}

#[tokio::test]
async fn a_client_that_reads_half_was_not_delivered_to() {
    let provider = Provider::builder().speed(1000.0).build().unwrap();
    let server = Server::start(provider.clone()).await.unwrap();
    let mut client = http1(connect(&server).await).await;
    let mut response = client.send_request(request()).await.unwrap();
    response.frame().await.unwrap().unwrap();
    drop((response, client));
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.charged_micros, entry.delivered, entry.client_left),
        (240_000, false, true)
    );
}

#[tokio::test]
async fn shutdown_ends_everything() {
    let (provider, server) = serve("silence").await;
    let addr = server.addr();
    let mut client = http1(connect(&server).await).await;
    let call = tokio::spawn(async move { client.send_request(request()).await });
    while provider.oracle().totals().read_whole == 0 {
        tokio::task::yield_now().await;
    }
    server.shutdown().await;
    call.await.unwrap().unwrap_err();
    assert_eq!(
        TcpStream::connect(addr).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
}
