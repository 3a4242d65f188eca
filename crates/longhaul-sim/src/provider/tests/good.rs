use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body::Body as _;

use super::*;
use crate::{Dialect, Resolution, picture::identity};

fn picture_of(base64: &Value) -> String {
    let file = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    identity(&file).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_openai_answer_holds_the_picture_that_the_oracle_charged() {
    let provider = builder("none+takes@100").build().unwrap();
    let (seconds, response) = seconds(call(&provider, OPENAI)).await;
    let response = response.unwrap();
    assert!(close(seconds, 100.0), "{seconds}");
    assert_eq!(response.headers()["content-type"], "application/json");
    let length = response.body().size_hint().exact().unwrap().to_string();
    assert_eq!(response.headers()["content-length"], length.as_str());
    let request_id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let answer = json(response).await;

    let entry = only_entry(&provider).await;
    assert_eq!(entry.images, [picture_of(&answer["data"][0]["b64_json"])]);
    assert_eq!(entry.request_id, request_id);
    assert_eq!((entry.key.as_deref(), entry.attempt), (Some("k"), Some(1)));
    assert_eq!(
        (entry.charged_micros, entry.generated, entry.delivered),
        (240_000, true, true)
    );
    assert_eq!(
        entry.charged.unwrap() - entry.read.unwrap(),
        Duration::from_secs(100)
    );
    assert!(!entry.client_left);
}

#[tokio::test(start_paused = true)]
async fn a_gemini_answer_holds_the_picture_that_the_oracle_charged() {
    let provider = provider("");
    let answer = json(call(&provider, GEMINI).await.unwrap()).await;
    let entry = only_entry(&provider).await;
    assert_eq!(
        entry.images,
        [picture_of(
            &answer["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]
        )]
    );
    assert_eq!(answer["responseId"], entry.request_id.as_str());
    assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 2_000);
    let work = entry.work.unwrap();
    assert_eq!(
        (work.dialect, work.resolution, work.width),
        (Dialect::Gemini, Resolution::K4, 4096)
    );
}

#[tokio::test(start_paused = true)]
async fn several_pictures_are_charged_each() {
    let provider = provider("");
    let body = Full::from(r#"{ "prompt": "p", "n": 3 }"#);
    let answer = json(
        send(&provider, request(OPENAI).body(body).unwrap())
            .await
            .unwrap(),
    )
    .await;
    let entry = only_entry(&provider).await;
    let received: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|data| picture_of(&data["b64_json"]))
        .collect();
    assert_eq!(entry.images, received);
    assert_eq!(entry.charged_micros, 3 * 134_400);
    assert_ne!(received[0], received[1]);
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_answers_and_others_do_not() {
    async fn run(seed: u64) -> (f64, Value) {
        let provider = builder("").seed(seed).build().unwrap();
        seconds(async { json(call(&provider, OPENAI).await.unwrap()).await }).await
    }
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await.0, run(2).await.0);
}

#[tokio::test(start_paused = true)]
async fn speed_divides_waits_and_not_what_the_oracle_tells() {
    let provider = builder("none+takes@120").speed(100.0).build().unwrap();
    let (seconds, _) = seconds(async { json(call(&provider, OPENAI).await.unwrap()).await }).await;
    assert!(close(seconds, 1.2), "{seconds}");
    let entry = only_entry(&provider).await;
    let took = (entry.charged.unwrap() - entry.read.unwrap()).as_secs_f64();
    assert!((119.0..122.0).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_speed_that_cannot_be_used_is_refused() {
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Provider::builder().speed(speed).build().unwrap_err();
        assert!(matches!(error, crate::ConfigError::Speed(_)), "{error:?}");
    }
}

async fn link(provider: &Provider) -> String {
    let body =
        Full::from(r#"{ "prompt": "p", "model": "nano-banana-pro", "response_format": "url" }"#);
    let request = request(OPENAI)
        .header("host", "sim.test:80")
        .body(body)
        .unwrap();
    let answer = json(send(provider, request).await.unwrap()).await;
    answer["data"][0]["url"].as_str().unwrap().to_owned()
}

async fn get(provider: &Provider, url: &str) -> Response<Body> {
    send(provider, Request::get(url).body(Full::default()).unwrap())
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_link_serves_the_picture_until_it_expires() {
    let provider = builder("").link_lifetime(MINUTE).build().unwrap();
    let url = link(&provider).await;
    assert!(url.starts_with("http://sim.test:80/files/"), "{url}");

    let response = get(&provider, &url).await;
    assert_eq!(response.headers()["content-type"], "image/png");
    assert!(response.headers().contains_key("content-length"));
    let file = response.into_body().collect().await.unwrap().to_bytes();
    let entry = only_entry(&provider).await;
    assert_eq!(entry.images, [identity(&file).unwrap()]);
    assert_eq!(entry.links_fetched, 1);
    assert!(entry.delivered);

    tokio::time::advance(MINUTE).await;
    assert_eq!(get(&provider, &url).await.status(), 410);
    assert_eq!(
        get(&provider, "http://sim.test/files/no.png")
            .await
            .status(),
        404
    );
    assert_eq!(
        provider.oracle().entries().len(),
        1,
        "a download is no request of its own"
    );
}
