mod keys;
mod policy;
mod rows;
mod stacked;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt, Full};
use longhaul::{
    BoxError, Stack, Workload,
    fallback::{
        FallbackLayer, FallbackPolicy, FallbackReport, KeySource, Keywords, SkipReason, Target,
    },
    policy::Policy,
};
use tower::{Layer, ServiceExt, service_fn};

use super::{ProviderRewrite, seedream_4_5};

const PATH: &str = "https://first.example/v1/images/generations";
const ARK: &str = "https://ark.example/api/v3/images/generations";
const PICTURE: &str = r#"{"data":[{"b64_json":"aW1n"}]}"#;

/// A request as a client got it.
type Sent = (Parts, Bytes);

fn seedream() -> Target {
    seedream_4_5(ARK, "seedream-4-5-251128", KeySource::secret("ark-key"))
}

/// The same model, elsewhere.
fn route(name: &str) -> Target {
    Target::new(name, format!("https://{name}.example"))
}

fn keywords(change: impl FnOnce(&mut Keywords)) -> Keywords {
    let mut words = Keywords::default();
    change(&mut words);
    words
}

fn request() -> Request<Full<Bytes>> {
    let body = r#"{"model":"nano-banana-pro","prompt":"a hat","size":"4096x4096"}"#;
    Request::post(PATH)
        .header("content-type", "application/json")
        .header("authorization", "Bearer first-key")
        .body(body.into())
        .unwrap()
}

/// What `target` is sent of a request that the first refuses, by the layer alone; or why it is passed over.
async fn asked(
    target: Target,
    head: Parts,
    body: Bytes,
    workload: Workload,
) -> Result<Sent, SkipReason> {
    let sent = Mutex::new(Vec::new());
    let client = service_fn(async |request: Request<Full<Bytes>>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut sent = sent.lock().unwrap();
        sent.push((head, body));
        let status = if sent.len() == 1 { 503 } else { 200 };
        Ok::<_, BoxError>(Response::builder().status(status).body(()).unwrap())
    });
    let policy = FallbackPolicy::to([target]);
    let layer = FallbackLayer::with_rewrite(policy, ProviderRewrite).unwrap();
    let mut request = Request::from_parts(head, Full::from(body));
    request.extensions_mut().insert(workload);
    let answer = layer.layer(client).oneshot(request).await.unwrap();
    let report = answer.extensions().get::<FallbackReport>().unwrap();
    match report.hops()[1].skipped.clone() {
        Some(why) => Err(why),
        None => Ok(sent.into_inner().unwrap().remove(1)),
    }
}

/// One attempt for each of the targets.
fn policy(targets: impl IntoIterator<Item = Target>) -> Policy {
    let mut policy = Policy::default();
    policy.retry.free_until = Some(Duration::from_secs(1));
    policy.fallback = FallbackPolicy::to(targets);
    policy
}

/// The answer of the whole stack, and what the client was sent: the first is overloaded, whoever is asked next makes the picture.
async fn send(stack: &Stack, request: Request<Full<Bytes>>) -> (Response<Bytes>, Vec<Sent>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = sent.clone();
    let client = service_fn(move |request: Request<longhaul::StackRequestBody<_>>| {
        let sent = seen.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let mut sent = sent.lock().unwrap();
            sent.push((head, body));
            let (status, body) = match sent.len() {
                1 => (503, r#"{"error":{"message":"The model is overloaded."}}"#),
                _ => (200, PICTURE),
            };
            let answer = Response::builder().status(status).body(Full::from(body));
            Ok::<_, BoxError>(answer.unwrap())
        }
    });
    let answer = stack.layer(client).oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    (Response::from_parts(head, body), sent)
}

fn stack(policy: Policy) -> Stack {
    Stack::with_rewrite(policy, ProviderRewrite).unwrap()
}
