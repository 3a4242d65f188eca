//! A client that answers by script, whoever is asked, below the whole stack.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, request::Parts};
use http_body_util::{BodyExt, Full};
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    Stack,
    attempt::{Attempt, Deadline},
    config::ConfigError,
    error::{BoxError, Error},
    fallback::{
        AnsweredBy, Dialect, FallbackLayer, FallbackPolicy, FallbackReport, FallbackStoppedBy,
        KeySource, Keywords, PassthroughRewrite, Resolutions, Rewrite, Sizes, SkipReason, Target,
    },
    model::{Provider, Resolution, Workload},
    policy::Policy,
};

pub(super) const OK: Act = Act::Answer(200, "", r#"{"data":[{"b64_json":"aW1n"}]}"#);
pub(super) const OVERLOADED: Act = Act::Answer(
    503,
    "",
    r#"{"error":{"message":"The model is overloaded."}}"#,
);
pub(super) const QUOTA: Act = Act::Answer(429, "", r#"{"error":{"code":"insufficient_quota"}}"#);
pub(super) const CUT: Act = Act::Answer(524, "", "<html>");
pub(super) const PATH: &str = "https://first.example/v1/images/generations";
pub(super) const ARK: &str = "https://ark.example/api/v3/images/generations";

/// What the client does with one request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Status, a header, body.
    Answer(u16, &'static str, &'static str),
    /// The same, after so many seconds.
    Slowly(u64, u16, &'static str),
    Break,
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Duration,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Json,
    pub(super) workload: Workload,
    pub(super) provider: Option<Provider>,
    pub(super) deadline: Option<Deadline>,
    pub(super) attempt: Attempt,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    began: Instant,
}

impl Script {
    pub(super) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            acts: Arc::new(Mutex::new(acts.into_iter().collect())),
            seen: Arc::default(),
            began: Instant::now(),
        }
    }

    pub(super) fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Who was asked, in order, by the first label of the host.
    pub(super) fn hosts(&self) -> Vec<String> {
        let label = |seen: &Seen| {
            seen.uri
                .host()
                .unwrap()
                .split('.')
                .next()
                .unwrap()
                .to_owned()
        };
        self.seen().iter().map(label).collect()
    }

    pub(super) async fn serve<B>(
        self,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, BoxError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.seen.lock().unwrap().push(Seen {
            at: self.began.elapsed(),
            uri: head.uri,
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            workload: head.extensions.get().cloned().unwrap_or_default(),
            provider: head.extensions.get().cloned(),
            deadline: Deadline::of(&head.extensions),
            attempt: head.extensions.get().cloned().unwrap(),
        });
        let act = self.acts.lock().unwrap().pop_front();
        let (status, header, body) = match act.expect("one request too many") {
            Act::Answer(status, header, body) => (status, header, body),
            Act::Slowly(seconds, status, body) => {
                sleep(Duration::from_secs(seconds)).await;
                (status, "", body)
            }
            Act::Break => return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()),
            Act::Silence => pending().await,
        };
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = header.split_once(": ") {
            response = response.header(name, value);
        }
        Ok(response.body(Full::from(body)).unwrap())
    }
}

/// One attempt for each target, without a key unless said otherwise.
pub(super) fn policy(targets: impl IntoIterator<Item = Target>) -> Policy {
    let mut policy = Policy::default();
    policy.retry.paid_attempts = 1;
    policy.retry.free_until = Some(Duration::ZERO);
    policy.retry.schedule.jitter = 0.0;
    policy.fallback = FallbackPolicy::to(targets);
    policy
}

/// Another model elsewhere, that is asked in words of its own.
pub(super) fn seedream() -> Target {
    let mut target = Target::new("seedream-4.5", ARK);
    target.dialect = Dialect::OpenAiImages;
    target.model = Some("seedream-4-5-251128".to_owned());
    target.key = KeySource::secret("ark-key");
    target.sizes = Sizes::Keywords(Keywords::default());
    target.resolutions = Resolutions::between(Resolution::K2, Resolution::K4);
    target.resolutions.raise = true;
    target
}

/// Writes the model anew for targets with a dialect, and nothing else: the least that a provider's own rewriting does.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelAlone;

impl Rewrite for ModelAlone {
    fn check(&self, _: &Target) -> Result<(), ConfigError> {
        Ok(())
    }

    fn rewrite(
        &self,
        target: &Target,
        mut head: Parts,
        body: Bytes,
    ) -> Result<(Parts, Bytes), SkipReason> {
        if target.dialect == Dialect::Passthrough {
            return PassthroughRewrite.rewrite(target, head, body);
        }
        let mut workload: Workload = head.extensions.get().cloned().unwrap();
        workload.resolution = target.resolutions.fit(workload.resolution).unwrap();
        workload.model = target.model.as_deref().map(Arc::from);
        let body = serde_json::json!({ "model": target.model }).to_string();
        head.extensions.insert(workload);
        Ok((head, body.into()))
    }
}

pub(super) fn stack(policy: Policy) -> Stack {
    Stack::with_rewrite(policy, ModelAlone).unwrap()
}

pub(super) fn layer(policy: FallbackPolicy) -> FallbackLayer {
    FallbackLayer::with_rewrite(policy, ModelAlone).unwrap()
}

/// The same model, elsewhere.
pub(super) fn route(name: &str) -> Target {
    Target::new(name, format!("https://{name}.example"))
}

pub(super) fn request() -> Request<Full<Bytes>> {
    Request::post(PATH)
        .header("content-type", "application/json")
        .header("authorization", "Bearer first-key")
        .body(Full::from(
            r#"{"model":"nano-banana-pro","prompt":"a hat","size":"4096x4096"}"#,
        ))
        .unwrap()
}

pub(super) type Answered = Result<Response<Bytes>, Error>;

pub(super) async fn send(
    stack: &Stack,
    script: &Script,
    request: Request<Full<Bytes>>,
) -> Answered {
    let script = script.clone();
    let client = stack.layer(service_fn(move |request| script.clone().serve(request)));
    let (head, body) = client.oneshot(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

pub(super) async fn run(policy: Policy, script: &Script) -> Answered {
    send(&stack(policy), script, request()).await
}

pub(super) fn report(answered: &Answered) -> FallbackReport {
    match answered {
        Ok(response) => response
            .extensions()
            .get::<FallbackReport>()
            .cloned()
            .unwrap(),
        Err(error) => error.fallback().cloned().unwrap(),
    }
}

pub(super) fn made_by(answered: &Answered) -> AnsweredBy {
    let response = answered.as_ref().unwrap();
    response.extensions().get::<AnsweredBy>().cloned().unwrap()
}

pub(super) fn stopped_by(answered: &Answered) -> FallbackStoppedBy {
    report(answered).stopped_by()
}

pub(super) fn skipped(answered: &Answered) -> Vec<Option<SkipReason>> {
    let report = report(answered);
    report
        .hops()
        .iter()
        .map(|hop| hop.skipped.clone())
        .collect()
}
