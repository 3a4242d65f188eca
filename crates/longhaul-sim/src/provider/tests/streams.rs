//! Event streams.

use super::*;
use crate::Offer;

const RESPONSES: &str = "/v1/responses";

fn body(path: &str) -> &'static str {
    match path {
        RESPONSES => {
            r#"{ "model": "gpt-5.1", "input": "a cat", "stream": true,
                "tools": [{ "type": "image_generation", "size": "4096x4096", "partial_images": 2 }] }"#
        }
        _ => r#"{ "prompt": "a cat", "size": "4096x4096", "stream": true, "partial_images": 2 }"#,
    }
}

async fn stream(provider: &Provider, path: &str) -> Response<Body> {
    let request = request(path).body(Full::from(body(path))).unwrap();
    send(provider, request).await.unwrap()
}

/// The types of all events, and `:` for comments.
fn kinds(text: &[u8]) -> Vec<&str> {
    let lines = std::str::from_utf8(text).unwrap().lines();
    lines
        .filter_map(|line| match line.strip_prefix("event: ") {
            None => line.starts_with(':').then_some(":"),
            kind => kind,
        })
        .collect()
}

async fn whole(provider: &Provider, path: &str) -> Bytes {
    let body = stream(provider, path).await.into_body();
    body.collect().await.unwrap().to_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_responses_stream_keeps_alive_and_ends_with_the_response() {
    let provider = provider("none+takes@100");
    let text = whole(&provider, RESPONSES).await;
    let kinds = kinds(&text);
    assert_eq!(kinds[0], "response.created");
    assert_eq!(kinds.iter().filter(|kind| **kind == "keepalive").count(), 3);
    let partial = "response.image_generation_call.partial_image";
    assert_eq!(kinds.iter().filter(|kind| **kind == partial).count(), 2);
    assert_eq!(
        &kinds[kinds.len() - 2..],
        ["response.output_item.done", "response.completed"]
    );
    let entry = only_entry(&provider).await;
    assert!(entry.delivered && entry.partials == 2);
}

#[tokio::test(start_paused = true)]
async fn an_images_stream_is_silent_unless_it_pings() {
    for (pings, expected) in [(None, 0), (Some(15), 6)] {
        let mut builder = builder("none+takes@100");
        if let Some(pings) = pings {
            builder = builder.pings(Duration::from_secs(pings));
        }
        let provider = builder.build().unwrap();
        let text = whole(&provider, OPENAI).await;
        let kinds = kinds(&text);
        assert_eq!(kinds.iter().filter(|kind| **kind == ":").count(), expected);
        assert_eq!(kinds.last(), Some(&"image_generation.completed"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_cut_strikes_silent_streams_only() {
    for (path, pings, cut) in [
        (OPENAI, 0, true),
        (OPENAI, 15, false),
        (RESPONSES, 0, false),
    ] {
        let mut builder = builder("cut@45+takes@240");
        if pings > 0 {
            builder = builder.pings(Duration::from_secs(pings));
        }
        let provider = builder.build().unwrap();
        let body = stream(&provider, path).await.into_body();
        assert_eq!(body.collect().await.is_err(), cut, "{path} {pings}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_strikes_a_stream_whatever_it_pings() {
    let provider = provider("reset@70");
    let body = stream(&provider, RESPONSES).await.into_body();
    let (seconds, read) = seconds(body.collect()).await;
    assert!(read.is_err() && close(seconds, 66.0), "{seconds}");
    assert!(!only_entry(&provider).await.delivered);
}

#[tokio::test(start_paused = true)]
async fn streams_stop_ping_and_end_as_they_are_told() {
    for path in [RESPONSES, OPENAI] {
        for script in ["stream-stops", "stream-only-pings", "stalled"] {
            let provider = provider(script);
            let body = stream(&provider, path).await.into_body();
            let read = tokio::time::timeout(MINUTE * 60, body.collect()).await;
            assert!(read.is_err(), "{path} {script}");
        }
        for (script, whole) in [("stream-ends", true), ("truncated", false)] {
            let provider = provider(script);
            let body = stream(&provider, path).await.into_body();
            assert_eq!(body.collect().await.is_ok(), whole, "{path} {script}");
            assert!(!only_entry(&provider).await.delivered, "{path} {script}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_inside_the_stream() {
    for (path, kind) in [(RESPONSES, "response.failed"), (OPENAI, "error")] {
        let provider = provider("task-failed@rate_limit_exceeded");
        let text = whole(&provider, path).await;
        assert_eq!(kinds(&text).last(), Some(&kind));
        assert_eq!(only_entry(&provider).await.charged_micros, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_streams_refuses_or_ignores_them() {
    let refusing = builder("").streams(Offer::Refused).build().unwrap();
    let response = stream(&refusing, OPENAI).await;
    assert_eq!(response.status(), 400);
    assert_eq!(json(response).await["error"]["param"], "stream");
    let ignoring = builder("").streams(Offer::Ignored).build().unwrap();
    let response = stream(&ignoring, OPENAI).await;
    assert_eq!(response.headers()["content-type"], "application/json");
}
