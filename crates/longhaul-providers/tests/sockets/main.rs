//! Both layers on real sockets: the table of failures again, and hostile answers.

mod leaving;
mod streams;
mod tasks;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Class, Error, Stack, StackRequestBody, billing::MemoryLedger, classify::DefaultClassifier,
    policy::Policy, retry::RetryReport,
};
use longhaul_hyper::Client;
use longhaul_providers::JoinedBody;
use longhaul_sim::{Builder, Provider, Weight, server::Server};
use serde_json::Value;
use tower::ServiceExt;
use tower_layer::Layer;

/// How many times as fast as real time the provider runs.
const SPEED: f64 = 100.0;

type Sent = JoinedBody<StackRequestBody<Full<Bytes>>>;

/// A provider behind a socket.
struct Scene {
    provider: Provider,
    server: Server,
}

impl Scene {
    async fn new(builder: Builder) -> Self {
        let provider = builder
            .speed(SPEED)
            .image_weight(Weight::Tiny)
            .build()
            .unwrap();
        let server = Server::start(provider.clone()).await.unwrap();
        Self { provider, server }
    }

    async fn scripted(script: &str) -> Self {
        Self::new(Provider::builder().script(script.parse().unwrap())).await
    }

    /// Host and port.
    fn host(&self) -> String {
        self.server.url().trim_start_matches("http://").to_owned()
    }

    fn stack<X>(&self, exchange: X) -> Stack<MemoryLedger, DefaultClassifier, X> {
        let policy = Policy::default().scaled(1.0 / SPEED).unwrap();
        Stack::new(policy).unwrap().with_exchange(exchange)
    }

    fn request(&self, path: &str) -> Request<Full<Bytes>> {
        let body = if path.ends_with("/responses") {
            r#"{ "model": "gpt-5.1", "input": "a cat", "tools": [{ "type": "image_generation", "size": "1024x1024" }] }"#
        } else {
            r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "1024x1024", "resolution": "1K",
                "input": { "prompt": "a cat" } }"#
        };
        Request::post(format!("{}{path}", self.server.url()))
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-secret")
            .header("prefer", "wait")
            .body(Full::from(body))
            .unwrap()
    }
}

fn client() -> Client<Sent> {
    Client::builder().plain_http_only().build().unwrap()
}

/// What came of a call: status, document and classes.
async fn ended<B>(answer: Result<http::Response<B>, Error>) -> (Option<u16>, Value, Vec<Class>)
where
    B: http_body::Body<Data = Bytes, Error = Error> + Unpin,
{
    let classes = |report: &RetryReport| report.classes().flatten().collect();
    match answer {
        Err(error) => (
            None,
            Value::Null,
            error.report().map(classes).unwrap_or_default(),
        ),
        Ok(response) => {
            let status = response.status().as_u16();
            let report = response.extensions().get::<RetryReport>().unwrap().clone();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let document = serde_json::from_slice(&body).unwrap_or_default();
            (Some(status), document, classes(&report))
        }
    }
}

fn has_picture(document: &Value) -> bool {
    let places = [
        &document["output"][0]["result"],
        &document["data"][0]["b64_json"],
        &document["data"][0]["url"],
        &document["images"][0]["url"],
        &document["output"][0],
    ];
    places
        .into_iter()
        .any(|place| place.as_str().is_some_and(|text| !text.is_empty()))
}

/// Waits for what the test is about, which a busy machine may make late.
async fn within<T>(work: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, work).await.expect("it ends")
}
