//! Streams of events: the head at once, everything else behind it.

use super::*;
use crate::SimErrorKind;

const STREAM: &str =
    r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "1K", "stream": true }"#;

async fn stream(provider: &Provider) -> Response<Body> {
    let request = request(OPENAI).body(Full::from(STREAM)).unwrap();
    let (head, response) = seconds(send(provider, request)).await;
    assert!(close(head, 0.0), "{head}");
    let response = response.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(!response.headers().contains_key("content-length"));
    response
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_silent_until_its_picture_is_there() {
    let provider = provider("none+takes@90");
    let mut body = stream(&provider).await.into_body();
    let (first, frame) = seconds(body.frame()).await;
    assert!(close(first, 90.0), "{first}");
    let mut text = frame.unwrap().unwrap().into_data().unwrap().to_vec();
    text.extend(body.collect().await.unwrap().to_bytes());
    let text = String::from_utf8(text).unwrap();
    let data = text
        .strip_prefix("event: image_generation.completed\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\n"));
    let event: Value = serde_json::from_str(data.unwrap()).unwrap();
    assert_eq!(event["type"], "image_generation.completed");
    assert!(event["b64_json"].as_str().unwrap().starts_with("iVBOR"));
    let entry = only_entry(&provider).await;
    assert!(entry.delivered && entry.work.unwrap().stream);
}

#[tokio::test(start_paused = true)]
async fn a_stream_beats_with_comments() {
    let provider = provider("heartbeat@10+takes@35");
    let body = stream(&provider).await.into_body();
    let text = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert_eq!(text.matches(": keep-alive\n\n").count(), 3, "{text}");
    assert!(only_entry(&provider).await.delivered);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_a_stream_breaks_it_behind_the_head() {
    for (script, after, kind) in [
        ("cut@60", 60.0, SimErrorKind::Truncated),
        ("envoy-503@80", 80.0, SimErrorKind::Truncated),
        ("reset@5", 5.0, SimErrorKind::Reset),
    ] {
        let provider = provider(script);
        let body = stream(&provider).await.into_body();
        let (seconds, error) = seconds(body.collect()).await;
        assert!(close(seconds, after), "{script}: {seconds}");
        assert_eq!(error.unwrap_err().kind(), kind, "{script}");
        let entry = only_entry(&provider).await;
        assert_eq!((entry.charged_micros, entry.delivered), (134_400, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_picture_ends_without_its_last_event() {
    let provider = provider("no-image");
    let body = stream(&provider).await.into_body();
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
    assert!(!only_entry(&provider).await.delivered);
}
