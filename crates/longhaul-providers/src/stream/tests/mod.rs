//! The exchange against the simulated provider, on paused time.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use longhaul::{Deadline, Error, ErrorKind};
use longhaul_sim::{Builder, Entry, Offer, Provider, TaskFailure, Weight};
use serde_json::Value;
use tower::{Layer, ServiceExt};

use super::*;
use crate::JoinedBody;

type Answer = Result<Response<JoinedBody<longhaul_sim::Body>>, Error>;

const RESPONSES: &str = "http://sim.test/v1/responses";
const IMAGES: &str = "http://relay.test/v1/images/generations";

const POLICY: &str = r#"
    [hosts]
    "sim.test" = { api = "responses" }
    "relay.test" = { api = "images", partial_images = 2 }
"#;

fn builder(script: &str) -> Builder {
    Provider::builder()
        .image_weight(Weight::Tiny)
        .pings(Duration::from_secs(15))
        .script(script.parse().unwrap())
}

fn provider(script: &str) -> Provider {
    builder(script).build().unwrap()
}

fn layer() -> StreamUpgradeLayer {
    StreamUpgradeLayer::new(StreamPolicy::from_toml(POLICY).unwrap()).unwrap()
}

fn request(url: &str) -> Request<Full<Bytes>> {
    let body = if url == RESPONSES {
        r#"{ "model": "gpt-5.1", "input": "a cat",
            "tools": [{ "type": "image_generation", "size": "4096x4096", "partial_images": 1 }] }"#
    } else {
        r#"{ "prompt": "a cat", "size": "4096x4096", "background": "opaque" }"#
    };
    Request::post(url).body(Full::from(body)).unwrap()
}

async fn call(provider: &Provider, url: &str) -> Answer {
    layer().layer(provider.clone()).oneshot(request(url)).await
}

async fn json(response: Response<JoinedBody<longhaul_sim::Body>>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

async fn entries(provider: &Provider) -> Vec<Entry> {
    provider.oracle().settled().await;
    provider.oracle().entries()
}

fn stream_error(error: &Error) -> Option<&StreamError> {
    std::error::Error::source(error)?.downcast_ref()
}

fn has_picture(document: &Value) -> bool {
    let picture = document["output"][0]["result"]
        .as_str()
        .or(document["data"][0]["b64_json"].as_str());
    picture.is_some_and(|picture| picture.len() > 100)
}

#[tokio::test(start_paused = true)]
async fn a_stream_becomes_the_unary_answer() {
    for (url, partial_images) in [(RESPONSES, 1), (IMAGES, 2)] {
        let streamed = provider("none+takes@120");
        let response = call(&streamed, url).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.headers().contains_key("x-request-id"));
        let report = *response.extensions().get::<StreamReport>().unwrap();
        assert_eq!(report.partial_images, partial_images, "{url}");
        assert!(report.pings >= 3 && !report.late, "{report:?}");
        assert!(
            report.longest_silence <= Duration::from_secs(30),
            "{report:?}"
        );
        let streamed = json(response).await;
        assert!(has_picture(&streamed), "{url}");

        let unary = provider("none+takes@120")
            .oneshot(request(url))
            .await
            .unwrap();
        let unary = unary.into_body().collect().await.unwrap().to_bytes();
        let mut unary: Value = serde_json::from_slice(&unary).unwrap();
        // What a stream says besides.
        for extra in ["quality", "background"] {
            if url == IMAGES {
                unary[extra] = streamed[extra].clone();
            }
        }
        if url == IMAGES {
            unary["created"] = streamed["created"].clone();
        } else {
            unary["created_at"] = streamed["created_at"].clone();
        }
        assert_eq!(streamed, unary, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_cut_does_not_strike_a_stream_that_pings() {
    for url in [RESPONSES, IMAGES] {
        let provider = provider("cut@60+takes@240");
        assert!(
            has_picture(&json(call(&provider, url).await.unwrap()).await),
            "{url}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn several_pictures_are_one_answer() {
    let provider = provider("");
    let body = r#"{ "prompt": "p", "n": 3 }"#;
    let request = Request::post(IMAGES).body(Full::from(body)).unwrap();
    let response = layer()
        .layer(provider.clone())
        .oneshot(request)
        .await
        .unwrap();
    let document = json(response).await;
    assert_eq!(document["data"].as_array().unwrap().len(), 3);
    assert_eq!(entries(&provider).await[0].images.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_refuses_or_ignores_streams_is_remembered() {
    for (offer, requests) in [(Offer::Refused, [2, 3]), (Offer::Ignored, [1, 2])] {
        for url in [RESPONSES, IMAGES] {
            let layer = layer();
            let provider = builder("").streams(offer).build().unwrap();
            for expected in requests {
                let client = layer.layer(provider.clone());
                let response = client.oneshot(request(url)).await.unwrap();
                assert!(has_picture(&json(response).await), "{url} {offer:?}");
                assert_eq!(entries(&provider).await.len(), expected, "{url} {offer:?}");
            }
            let sent = entries(&provider).await;
            let plain = request(url)
                .body()
                .clone()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .len();
            assert_eq!(
                sent.last().unwrap().body_bytes,
                plain as u64,
                "asked plainly"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_before_its_final_event_is_no_answer() {
    for url in [RESPONSES, IMAGES] {
        for script in ["stream-ends", "truncated-close"] {
            let error = call(&provider(script), url).await.unwrap_err();
            assert!(
                matches!(stream_error(&error), Some(StreamError::Ended { .. })),
                "{url} {script}: {error:?}"
            );
        }
        let error = call(&provider("truncated"), url).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Inner, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn pings_alone_do_not_outlast_the_deadline() {
    for url in [RESPONSES, IMAGES] {
        for script in ["stream-only-pings", "stream-stops", "stalled"] {
            let provider = provider(script);
            let mut request = request(url);
            let hour = Duration::from_secs(600);
            request.extensions_mut().insert(Deadline::after(hour));
            let client = layer().layer(provider.clone());
            let error = client.oneshot(request).await.unwrap_err();
            assert!(error.is_timeout(), "{url} {script}");
            let Some(StreamError::Open { pings, .. }) = stream_error(&error) else {
                panic!("{error:?}");
            };
            assert_eq!(*pings > 30, script == "stream-only-pings", "{url} {script}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_stream_has_the_status_of_the_unary_call() {
    for url in [RESPONSES, IMAGES] {
        for (failure, status) in [
            (TaskFailure::ServerError, 500),
            (TaskFailure::RateLimited, 429),
            (TaskFailure::Policy, 400),
            (TaskFailure::InvalidPrompt, 400),
            (TaskFailure::Deadline, 504),
        ] {
            let provider = provider(&format!("task-failed@{failure}"));
            let response = call(&provider, url).await.unwrap();
            assert_eq!(response.status(), status, "{url} {failure}");
            assert_eq!(json(response).await["error"]["code"], failure.code());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silence_after_a_ping_is_late_and_not_dead() {
    let policy = StreamPolicy {
        silence: Duration::from_secs(20),
        ..StreamPolicy::from_toml(POLICY).unwrap()
    };
    let layer = StreamUpgradeLayer::new(policy).unwrap();
    let provider = provider("none+takes@100");
    let response = layer
        .layer(provider.clone())
        .oneshot(request(RESPONSES))
        .await
        .unwrap();
    let report = *response.extensions().get::<StreamReport>().unwrap();
    assert!(report.late, "{report:?}");
    assert!(has_picture(&json(response).await));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_form_as_a_stream_passes_as_it_is() {
    for (url, body) in [
        (IMAGES, r#"{ "prompt": "p", "stream": false }"#),
        (IMAGES, r#"{ "prompt": "p", "partial_images": 1 }"#),
        (
            "http://other.test/v1/images/generations",
            r#"{ "prompt": "p" }"#,
        ),
        (
            "http://relay.test/v1/responses",
            r#"{ "input": "p", "tools": [{ "type": "image_generation" }] }"#,
        ),
    ] {
        let provider = provider("");
        let request = Request::post(url).body(Full::from(body)).unwrap();
        let response = layer()
            .layer(provider.clone())
            .oneshot(request)
            .await
            .unwrap();
        assert!(has_picture(&json(response).await), "{url}");
        assert_eq!(
            entries(&provider).await[0].body_bytes,
            body.len() as u64,
            "{url} {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_refuses_is_handed_on() {
    for (script, status) in [
        ("overloaded", 503),
        ("bad-request", 400),
        ("unauthorized", 401),
    ] {
        let provider = provider(script);
        let response = call(&provider, RESPONSES).await.unwrap();
        assert_eq!(response.status(), status, "{script}");
        assert!(json(response).await["error"].is_object());
        assert_eq!(entries(&provider).await.len(), 1);
    }
}

/// A body that stays open behind its last byte.
struct StaysOpen(VecDeque<Bytes>);

impl http_body::Body for StaysOpen {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        match self.0.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Poll::Pending,
        }
    }
}

/// What a caller gets whose request for a stream is answered so.
async fn answered_with(request: &'static str, answer: &'static [&'static str]) -> Value {
    let client = tower::service_fn(move |_: Request<JoinedBody<Full<Bytes>>>| async move {
        let pieces = answer.iter().map(|piece| Bytes::from(*piece)).collect();
        Ok::<_, std::io::Error>(Response::new(StaysOpen(pieces)))
    });
    let request = Request::post(IMAGES).body(Full::from(request)).unwrap();
    let response = layer().layer(client).oneshot(request).await.unwrap();
    let mut body = response.into_body();
    let mut whole = Vec::new();
    while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_secs(60), body.frame()).await {
        whole.extend(frame.unwrap().into_data().unwrap());
    }
    serde_json::from_slice(longhaul::body::behind_mark(&whole)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn json_behind_a_byte_order_mark_is_no_stream() {
    let json = &["\r\n", "\u{feff}", "{\"data\":[{\"b64_json\":\"AAAA\"}]}"];
    let document = answered_with(r#"{ "prompt": "p" }"#, json).await;
    assert_eq!(document["data"][0]["b64_json"], "AAAA");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_where_it_says_so_though_it_stays_open() {
    const EVENTS: &[&str] = &[
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\"}\n\n",
        "data: [DONE]\n\n",
    ];
    let document = answered_with(r#"{ "prompt": "p", "n": 2 }"#, EVENTS).await;
    assert_eq!(document["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_number_of_pictures_that_is_not_understood_ends_no_stream() {
    const EVENTS: &[&str] = &[
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\"}\n\n",
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"BBBB\"}\n\n",
        "data: [DONE]\n\n",
    ];
    for request in [
        r#"{ "prompt": "p", "n": "2" }"#,
        r#"{ "prompt": "p", "n": 2.0 }"#,
    ] {
        let document = answered_with(request, EVENTS).await;
        assert_eq!(document["data"].as_array().unwrap().len(), 2, "{request}");
    }
}
