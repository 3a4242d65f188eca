//! Both layers inside the composed stack, against the simulated provider, in process and on paused time.

mod outcomes;
mod streams;
mod tasks;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use longhaul::{Error, Stack, billing::Record, error::RetryReport, policy::Policy};
use longhaul_providers::{
    stream::{StreamPolicy, StreamUpgradeLayer},
    tasks::{SubmitAndPollLayer, TasksPolicy},
};
use longhaul_sim::{Builder, Entry, Provider, Weight};
use serde_json::Value;
use tower::ServiceExt;
use tower_layer::Layer;

const RESPONSES: &str = "https://api.openai.com/v1/responses";
const SUB2API: &str = "https://relay.test/v1/images/generations";
const FAL: &str = "https://fal.run/fal-ai/nano-banana-pro";

const MINUTE: Duration = Duration::from_secs(60);

fn provider(script: &str) -> Provider {
    builder(script).build().unwrap()
}

fn builder(script: &str) -> Builder {
    Provider::builder()
        .image_weight(Weight::Tiny)
        .script(script.parse().unwrap())
}

fn tasks()
-> Stack<longhaul::billing::MemoryLedger, longhaul::classify::DefaultClassifier, SubmitAndPollLayer>
{
    let policy = TasksPolicy::default().at("relay.test", "sub2api");
    stack().with_exchange(SubmitAndPollLayer::new(policy).unwrap())
}

fn streams()
-> Stack<longhaul::billing::MemoryLedger, longhaul::classify::DefaultClassifier, StreamUpgradeLayer>
{
    stack().with_exchange(StreamUpgradeLayer::new(StreamPolicy::default()).unwrap())
}

fn stack() -> Stack {
    Stack::new(Policy::default()).unwrap()
}

fn request(url: &str) -> Request<Full<Bytes>> {
    let body = match url {
        RESPONSES => {
            r#"{ "model": "gpt-5.1", "input": "a cat", "tools": [{ "type": "image_generation", "size": "4096x4096" }] }"#
        }
        FAL => r#"{ "prompt": "a cat", "resolution": "4K" }"#,
        _ => r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#,
    };
    Request::post(url)
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-secret")
        .body(Full::from(body))
        .unwrap()
}

/// What came of a call: the document, or the error; with the report of the retry layer.
struct Ended {
    answer: Result<(u16, Value), Error>,
    report: RetryReport,
}

impl Ended {
    fn document(&self) -> &Value {
        &self.answer.as_ref().unwrap().1
    }
}

async fn ended<B>(answer: Result<Response<B>, Error>) -> Ended
where
    B: http_body::Body<Data = Bytes, Error = Error> + Unpin,
{
    match answer {
        Err(error) => Ended {
            report: error.report().unwrap().clone(),
            answer: Err(error),
        },
        Ok(response) => {
            let report = response.extensions().get::<RetryReport>().unwrap().clone();
            let status = response.status().as_u16();
            let answer = response.into_body().collect().await.map(|body| {
                let body = body.to_bytes();
                (status, serde_json::from_slice(&body).unwrap())
            });
            Ended { answer, report }
        }
    }
}

macro_rules! call {
    ($stack:expr, $provider:expr, $url:expr) => {{
        let answer = $stack.layer($provider.clone()).oneshot(request($url)).await;
        ended(answer).await
    }};
}
pub(crate) use call;

async fn entries(provider: &Provider) -> Vec<Entry> {
    provider.oracle().settled().await;
    provider.oracle().entries()
}

/// The only record, closed.
fn only(records: Vec<Record>) -> Record {
    assert_eq!(records.len(), 1, "{records:?}");
    let record = records.into_iter().next().unwrap();
    assert!(record.closing.is_some());
    record
}
