//! The provider in process, on paused time.

mod bodies;
mod drops;
mod faults;
mod good;
mod heads;
mod log;
mod streams;
mod tasks;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::time::Instant;
use tower_service::Service;

use crate::{Body, Builder, Entry, Provider, SimError, Weight};

const OPENAI: &str = "/v1/images/generations";
const GEMINI: &str = "/v1beta/models/gemini-3-pro-image:generateContent";

/// A provider with light pictures.
fn builder(script: &str) -> Builder {
    Provider::builder()
        .image_weight(Weight::Tiny)
        .script(script.parse().unwrap())
}

fn provider(script: &str) -> Provider {
    builder(script).build().unwrap()
}

fn request(path: &str) -> http::request::Builder {
    Request::post(path)
        .header("idempotency-key", "k")
        .header("x-longhaul-attempt", "1")
}

fn text(path: &str) -> Full<Bytes> {
    Full::from(if path == GEMINI {
        r#"{ "contents": [], "generationConfig": { "imageConfig": { "imageSize": "4K" } } }"#
    } else {
        r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#
    })
}

async fn call(provider: &Provider, path: &str) -> Result<Response<Body>, SimError> {
    send(provider, request(path).body(text(path)).unwrap()).await
}

async fn send(
    provider: &Provider,
    request: Request<Full<Bytes>>,
) -> Result<Response<Body>, SimError> {
    provider.clone().call(request).await
}

async fn json(response: Response<Body>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// The only entry, once all is settled.
async fn only_entry(provider: &Provider) -> Entry {
    provider.oracle().settled().await;
    let mut entries = provider.oracle().entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

/// How long it takes on tokio's clock, in seconds.
async fn seconds<T>(work: impl Future<Output = T>) -> (f64, T) {
    let start = Instant::now();
    let value = work.await;
    (start.elapsed().as_secs_f64(), value)
}

fn close(seconds: f64, expected: f64) -> bool {
    (seconds - expected).abs() < 0.1
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn handles_and_answers_can_move_between_tasks() {
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn moved<T: Send + Unpin + 'static>() {}
    shared::<Provider>();
    shared::<crate::Oracle>();
    shared::<Body>();
    shared::<SimError>();
    moved::<crate::ResponseFuture>();
}
