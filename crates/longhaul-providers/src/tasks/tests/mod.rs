//! The exchange against the simulated provider, on paused time.

mod good;
mod keys;
mod long;
mod lost;
mod open;
mod table;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use longhaul::{Error, Resolution, Workload};
use longhaul_sim::{Builder, Entry, Provider, Weight, picture::identity};
use serde_json::Value;
use tower::{Layer, ServiceExt};

use super::*;
use crate::JoinedBody;

type Body = JoinedBody<longhaul_sim::Body>;
type Answer = Result<Response<Body>, Error>;

/// The shipped rows, and that of a relay with a form of its own, as a user writes it down.
fn rows() -> String {
    const HOSTS: &str = r#"
        [hosts]
        "sim.test" = ["openai-responses", "relay"]
        "fal.run" = ["fal"]
        "api.replicate.com" = ["replicate"]
        "sub2api.test" = ["sub2api"]
    "#;
    format!("{HOSTS}\n{}", longhaul_sim::RELAY_DIALECT)
}

fn policy() -> TasksPolicy {
    TasksPolicy::from_toml(&rows()).unwrap()
}

fn builder(script: &str) -> Builder {
    Provider::builder()
        .image_weight(Weight::Tiny)
        .script(script.parse().unwrap())
}

fn provider(script: &str) -> Provider {
    builder(script).build().unwrap()
}

/// The calls that have a form as a task, by the name of the dialect.
const CALLS: [(&str, &str, &str); 5] = [
    (
        "openai-responses",
        "http://sim.test/v1/responses",
        r#"{ "model": "gpt-5.1", "input": "a cat", "tools": [{ "type": "image_generation", "size": "4096x4096" }] }"#,
    ),
    (
        "relay",
        "http://sim.test/v1/images/generations",
        r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#,
    ),
    (
        "sub2api",
        "https://sub2api.test/v1/images/generations",
        r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#,
    ),
    (
        "fal",
        "https://fal.run/fal-ai/nano-banana-pro",
        r#"{ "prompt": "a cat", "resolution": "4K" }"#,
    ),
    (
        "replicate",
        "https://api.replicate.com/v1/models/google/nano-banana-pro/predictions",
        r#"{ "input": { "prompt": "a cat", "resolution": "4K" } }"#,
    ),
];

fn request(dialect: &str) -> Request<Full<Bytes>> {
    let (_, url, body) = CALLS
        .into_iter()
        .find(|(name, ..)| *name == dialect)
        .unwrap();
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-secret")
        .header("idempotency-key", "op-1")
        .header("x-longhaul-attempt", "1")
        .header("prefer", "wait=60");
    request.body(Full::from(body)).unwrap()
}

fn workload(request: &mut Request<Full<Bytes>>) {
    let mut workload = Workload::default();
    (workload.resolution, workload.recognised) = (Resolution::K4, true);
    request.extensions_mut().insert(workload);
}

async fn call(
    layer: &SubmitAndPollLayer,
    provider: &Provider,
    request: Request<Full<Bytes>>,
) -> Answer {
    layer.layer(provider.clone()).oneshot(request).await
}

async fn call_once(provider: &Provider, dialect: &str) -> Answer {
    let layer = SubmitAndPollLayer::new(policy()).unwrap();
    call(&layer, provider, request(dialect)).await
}

async fn text(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&text(response).await).unwrap()
}

async fn entries(provider: &Provider) -> Vec<Entry> {
    provider.oracle().settled().await;
    provider.oracle().entries()
}

/// The identity of the picture in an answer, or what its link names.
fn picture(document: &Value) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let data = document["output"][0]["result"]
        .as_str()
        .or(document["data"][0]["b64_json"].as_str());
    if let Some(data) = data {
        return identity(&STANDARD.decode(data).unwrap());
    }
    let link = document["images"][0]["url"]
        .as_str()
        .or(document["data"][0]["url"].as_str())
        .or(document["output"][0].as_str())?;
    Some(link.rsplit('/').next()?.trim_end_matches(".png").to_owned())
}

fn task_error(error: &Error) -> Option<&TaskError> {
    std::error::Error::source(error)?.downcast_ref()
}

const MINUTE: Duration = Duration::from_secs(60);

/// The key that all requests have.
fn headers() -> HeaderMap {
    [(
        http::header::AUTHORIZATION,
        "Bearer sk-secret".parse().unwrap(),
    )]
    .into_iter()
    .collect()
}

async fn collected_by(
    policy: &TasksPolicy,
    handle: &TaskHandle,
    provider: &Provider,
    within: Duration,
) -> Collected {
    let client = provider.clone();
    let collected = collect::<_, Full<Bytes>, _>(handle, policy, client, headers(), within);
    collected.await.unwrap()
}

async fn collected(handle: &TaskHandle, provider: &Provider, within: Duration) -> Collected {
    collected_by(&policy(), handle, provider, within).await
}
