use http::StatusCode;
use longhaul::Money;
use longhaul_gateway::config::{Cap, KeyConfig, Per, ProviderKey};

use super::support::{PICTURE, Running, one_caller, policy, provider};

const GEMINI: &str = "/v1beta/models/gemini-3-pro-image:generateContent";
const GEMINI_BODY: &str = r#"{"contents": [{"parts": [{"text": "a cat"}]}],
    "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"imageSize": "4K"}}}"#;

#[tokio::test]
async fn a_cut_call_is_an_error_that_sdks_do_not_send_again() {
    let gateway = Running::start("cut@60*9").await;
    let answer = gateway.picture().await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("x-longhaul-attempts"), Some("3"));
    assert_eq!(answer.header("x-longhaul-cost"), Some("0.72 USD"));
    // Whether three cuts are a pattern depends on their moments.
    let class = answer.header("x-longhaul-class").unwrap();
    assert!(
        ["IntermediaryCut", "UnknownOutcome"].contains(&class),
        "{class}"
    );
    let operation = answer.header("x-longhaul-operation").unwrap();
    assert!(operation.starts_with("op_"), "{operation}");
    let error = &answer.json()["error"];
    assert!(error["message"].as_str().unwrap().contains("60"), "{error}");
    assert_eq!(error["type"], "server_error");

    let gateway = Running::start("cut@60*9").await;
    let answer = gateway.post(GEMINI, GEMINI_BODY, &[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    assert_eq!(answer.json()["error"]["status"], "ABORTED");
}

#[tokio::test]
async fn a_providers_refusal_passes_and_is_not_for_sdks_to_repeat() {
    let gateway = Running::start("bad-request").await;
    let answer = gateway.picture().await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("x-longhaul-class"), Some("ClientError"));
    assert!(answer.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn a_cap_is_402_before_anything_is_sent() {
    let (key, caller) = one_caller(Cap::new(Money::usd_micros(250_000), Per::Month));
    let gateway = Running::with(provider(""), caller).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let path = "/v1/images/generations";
    gateway.post(path, PICTURE, &headers).await.picture();
    let answer = gateway
        .post(path, &PICTURE.replace("cat", "dog"), &headers)
        .await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], "spending_cap");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(gateway.provider.oracle().entries().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_a_cap_does_not_reach_is_not_sent() {
    // What was refused free of charge gives its money to the next attempt; what was cut may have been charged.
    let (key, caller) = one_caller(Cap::new(Money::usd_micros(300_000), Per::Month));
    let gateway = Running::with(provider("overloaded, cut@60, none*9"), caller).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let path = "/v1/images/generations";
    let answer = gateway.post(path, PICTURE, &headers).await;
    assert_eq!(answer.header("x-longhaul-cost"), Some("0.24 USD"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(!answer.status.is_success(), "{answer:?}");
    assert_eq!(gateway.provider.oracle().entries().len(), 2);
    let next = gateway.post(path, PICTURE, &headers).await;
    assert_eq!(next.status, StatusCode::PAYMENT_REQUIRED, "{next:?}");
    assert_eq!(gateway.provider.oracle().entries().len(), 2);
}

#[tokio::test]
async fn under_a_cap_a_missing_price_row_is_named() {
    let (key, caller) = one_caller(Cap::new(Money::usd_micros(250_000), Per::Day));
    let gateway = Running::with(provider(""), |config| {
        caller(config);
        let mut without = policy();
        without.billing.prices.clear();
        config.upstreams[0].policy = without;
    })
    .await;
    let headers = [("x-goog-api-key", key.as_str())];
    let answer = gateway.post(GEMINI, GEMINI_BODY, &headers).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    let text = answer.json()["error"]["message"].to_string();
    for part in [
        "billing.prices",
        "127.0.0.1",
        "gemini-3-pro-image",
        "K4",
        "sim",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(gateway.provider.oracle().entries().len(), 0);
}

#[tokio::test]
async fn without_a_key_of_the_gateways_nobody_is_let_in() {
    let (_, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let gateway = Running::with(provider(""), |config| {
        config.keys.push(KeyConfig::new("alice", sha256));
        config.upstreams[0].key = Some(ProviderKey::None);
    })
    .await;
    for headers in [&[][..], &[("authorization", "Bearer sk-provider-key-1234")]] {
        for path in ["/v1/images/generations", GEMINI, "/v1/models"] {
            let answer = gateway.post(path, PICTURE, headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!format!("{answer:?}").contains("sk-provider"));
        }
    }
    assert_eq!(gateway.provider.oracle().entries().len(), 0);
    assert_eq!(gateway.get("/healthz", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let gateway = Running::with(provider(""), |config| config.limits.body_bytes = 1000).await;
    let answer = gateway
        .post("/v1/images/generations", &"x".repeat(2000), &[])
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["code"], "request_too_large");
}

#[tokio::test]
async fn what_cannot_end_in_time_is_not_begun() {
    let gateway = Running::start("").await;
    // At the provider's speed that is 5 s, in which no 4K picture is made.
    let in_time = [("grpc-timeout", "50m")];
    let answer = gateway
        .post("/v1/images/generations", PICTURE, &in_time)
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["error"]["code"], "not_begun");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(answer.header("x-longhaul-class"), Some("NotBegun"));
    assert_eq!(gateway.provider.oracle().entries().len(), 0);
}
