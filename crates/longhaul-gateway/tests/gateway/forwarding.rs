use http::StatusCode;
use longhaul::fallback::{Dialect, FallbackPolicy, Keywords, Sizes, Target};
use longhaul_gateway::config::{ProviderKey, UpstreamConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::support::{PICTURE, Running, policy, provider};

#[tokio::test]
async fn a_picture_comes_byte_for_byte_through_overload_and_a_cut() {
    let gateway = Running::start("overloaded, cut@60, none").await;
    let answer = gateway.picture().await;
    let picture = answer.picture();
    assert_eq!(answer.header("x-longhaul-attempts"), Some("3"));
    assert_eq!(answer.header("x-longhaul-class"), Some("Delivered"));
    assert!(picture.len() > 1000);
    assert_eq!(gateway.provider.oracle().totals().delivered, 1);
}

#[tokio::test]
async fn another_target_is_asked_in_its_own_words() {
    let other = provider("");
    let server = longhaul_sim::server::Server::start(other.clone())
        .await
        .unwrap();
    let gateway = Running::with(provider("quota*9"), |config| {
        let mut target = Target::new("other", server.url());
        target.dialect = Dialect::OpenAiImages;
        target.model = Some("nano-banana-2".to_owned());
        target.sizes = Sizes::Keywords(Keywords::default());
        config.upstreams[0].policy.fallback = FallbackPolicy::to([target]);
    })
    .await;
    let path = "/v1beta/models/gemini-3-pro-image:generateContent";
    let body = r#"{"contents": [{"parts": [{"text": "a cat"}]}], "generationConfig": {"imageConfig": {"imageSize": "4K"}}}"#;
    let answer = gateway.post(path, body, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(gateway.paid(), 0);
    let entries = other.oracle().entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].path, "/v1/images/generations");
    assert_eq!(other.oracle().totals().delivered, 1);
}

#[tokio::test]
async fn what_is_not_judged_passes_both_ways_and_is_not_sent_again() {
    let gateway = Running::start("").await;
    let answer = gateway.get("/v1/models?limit=1", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = gateway.post("/v1/files", "{}", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("x-longhaul-attempts"), None);
    assert_eq!(gateway.provider.oracle().entries().len(), 2);
}

#[tokio::test]
async fn the_providers_key_is_put_and_the_callers_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "sk-of-the-provider\n").unwrap();
    let (key, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let sim = longhaul_sim::Provider::builder()
        .speed(100.0)
        .image_weight(longhaul_sim::Weight::Tiny)
        .require_key("sk-of-the-provider")
        .build()
        .unwrap();
    let gateway = Running::with(sim, |config| {
        config
            .keys
            .push(longhaul_gateway::config::KeyConfig::new("alice", sha256));
        config.upstreams[0].key = Some(ProviderKey::File(file));
    })
    .await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("cookie", "a=b")];
    gateway
        .post("/v1/images/generations", PICTURE, &headers)
        .await
        .picture();
    let path = format!("/v1beta/models/gemini-3-pro-image:generateContent?key={key}");
    let body = r#"{"contents": [{"parts": [{"text": "a cat"}]}], "generationConfig": {"responseModalities": ["IMAGE"]}}"#;
    let answer = gateway.post(&path, body, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let seen = format!("{:?}", gateway.provider.oracle().entries());
    assert!(!seen.contains(&key) && !seen.contains("cookie"), "{seen}");
}

#[tokio::test]
async fn a_callers_idempotency_key_is_not_the_providers() {
    let gateway = Running::start("").await;
    let headers = [
        ("idempotency-key", "shared"),
        ("x-stainless-retry-count", "0"),
    ];
    gateway
        .post("/v1/images/generations", PICTURE, &headers)
        .await
        .picture();
    let entries = gateway.provider.oracle().entries();
    let key = entries[0].key.as_deref().unwrap();
    assert_ne!(key, "shared");
    assert!(!format!("{entries:?}").contains("stainless"));
}

#[tokio::test]
async fn answers_are_not_compressed_on_either_side() {
    let gateway = Running::start("").await;
    let accepts = [("accept-encoding", "gzip, br")];
    let answer = gateway
        .post("/v1/images/generations", PICTURE, &accepts)
        .await;
    answer.picture();
    assert_eq!(answer.header("content-encoding"), None);
    let entries = gateway.provider.oracle().entries();
    let headers = entries[0].headers.iter();
    let asked: Vec<_> = headers
        .filter(|(name, _)| name == "accept-encoding")
        .map(|(_, value)| &**value)
        .collect();
    assert_eq!(asked, ["identity"]);
}

#[tokio::test]
async fn an_upstream_is_chosen_by_the_host_that_callers_use() {
    let other = provider("");
    let second = longhaul_sim::server::Server::start(other.clone())
        .await
        .unwrap();
    let gateway = Running::with(provider(""), |config| {
        let mut by_host = UpstreamConfig::new("by-host", second.url());
        by_host.hosts = vec!["pictures.example".to_owned()];
        by_host.policy = policy();
        config.upstreams.insert(0, by_host);
    })
    .await;
    let path = "/v1/images/generations";
    for (host, asked) in [
        ("Pictures.Example:8787", 1),
        ("pictures.example.evil", 1),
        ("pictures.example", 2),
    ] {
        let headers = [("host", host)];
        gateway.post(path, PICTURE, &headers).await.picture();
        assert_eq!(other.oracle().entries().len(), asked, "{host}");
    }
    assert_eq!(gateway.provider.oracle().entries().len(), 1);
}

#[tokio::test]
async fn the_first_upstream_that_fits_is_called_and_no_other_host() {
    let other = provider("");
    let second = longhaul_sim::server::Server::start(other.clone())
        .await
        .unwrap();
    let gateway = Running::with(provider(""), |config| {
        let mut by_model = UpstreamConfig::new("by-model", second.url());
        by_model.models = vec!["gpt-image-*".to_owned()];
        by_model.policy = policy();
        config.upstreams[0].paths = vec!["/v1/".to_owned()];
        config.upstreams.insert(0, by_model);
    })
    .await;
    let path = "/v1/images/generations";
    gateway.post(path, PICTURE, &[]).await.picture();
    assert_eq!(other.oracle().entries().len(), 0);
    let body = PICTURE.replace("nano-banana-pro", "gpt-image-2");
    gateway
        .post(path, &body, &[("host", "evil.example")])
        .await
        .picture();
    assert_eq!(other.oracle().entries().len(), 1);
    let answer = gateway.post("/v2/images/generations", PICTURE, &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["code"], "no_upstream");
}

/// Sends `request` as it stands, and reads until the gateway closes.
async fn raw(url: &str, request: &str) -> String {
    let mut line = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = line.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn it_is_no_proxy_and_smuggled_requests_are_refused() {
    let gateway = Running::start("").await;
    let evil = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = evil.local_addr().unwrap();
    for (request, status) in [
        (format!("CONNECT {at} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n"), "405"),
        (format!("GET http://{at}/v1/models HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n"), "404"),
        ("GET /v1/../secret HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), "400"),
        ("GET /v1/%2e%2e/secret HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(), "400"),
        ("POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde".into(), "400"),
        ("POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n".into(), "400"),
        ("POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n".into(), "400"),
        ("GET /v1/models HTTP/1.1\r\nhost : x\r\n\r\n".into(), "400"),
    ] {
        let answer = raw(&gateway.url, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    let evil = tokio::time::timeout(std::time::Duration::from_millis(50), evil.accept()).await;
    assert!(evil.is_err());
    // The absolute form alone reached an upstream: the configured one.
    assert_eq!(gateway.provider.oracle().entries().len(), 1);
}

#[tokio::test]
async fn half_an_answer_over_http_1_0_is_no_whole_one() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut line, _) = upstream.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            let _ = line.read(&mut request).await;
            let half = "HTTP/1.0 200 X\r\ncontent-type: application/json\r\n\r\n{\"created\":1,\"data\":[{\"b64_json\":\"iVBO";
            let _ = line.write_all(half.as_bytes()).await;
        }
    });
    let gateway = Running::with(provider(""), |config| config.upstreams[0].url = url).await;
    let request = format!(
        "POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{PICTURE}",
        PICTURE.len()
    );
    let answer = raw(&gateway.url, &request).await;
    assert!(answer.starts_with("HTTP/1.1"), "{answer}");
    let whole = answer.starts_with("HTTP/1.1 5") || !answer.ends_with("0\r\n\r\n");
    assert!(whole, "half an answer with a clean end: {answer}");
}

#[tokio::test]
async fn calls_in_flight_finish_while_it_drains() {
    let mut gateway = Running::start("").await;
    let url = gateway.url.clone();
    let request = http::Request::post(format!("{url}/v1/images/generations"))
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(PICTURE))
        .unwrap();
    let call = tokio::spawn(super::support::send(request));
    let provider = gateway.provider.clone();
    super::support::until("the call is at the provider", || {
        !provider.oracle().entries().is_empty()
    })
    .await;
    assert!(gateway.stop().await);
    call.await.unwrap().picture();
    assert!(
        TcpStream::connect(url.trim_start_matches("http://"))
            .await
            .is_err()
    );
}
