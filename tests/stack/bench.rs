//! A stack around a simulated provider, and what each of them knows afterwards.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Attempt, Class, Error, Stack, StackService,
    observe::{Event, Observer},
    policy::Policy,
};
use longhaul_sim::{Dialect, Provider, Script, Weight};
use longhaul_testing::{disagreements, harness::priced};
use tower::{Layer, Service, ServiceExt};

/// `policy` with exact waits, the header and the prices that the simulator goes by.
pub(crate) fn tested(policy: Policy) -> Policy {
    let mut policy = priced(policy);
    policy.retry.schedule.jitter = 0.0;
    policy
}

/// What one 4K picture costs, in millionths of a dollar.
pub(crate) const PRICE: i64 = 240_000;

/// A 4K picture, asked for in this dialect.
pub(crate) fn picture(dialect: Dialect) -> Request<Full<Bytes>> {
    let (path, body) = match dialect {
        Dialect::Gemini => (
            "v1beta/models/gemini-3-pro-image:generateContent",
            r#"{"contents":[{"parts":[{"text":"a hat"}]}],"generationConfig":{"imageConfig":{"imageSize":"4K"}}}"#,
        ),
        _ => (
            "v1/images/generations",
            r#"{"model":"nano-banana-pro","prompt":"a hat","size":"4096x4096"}"#,
        ),
    };
    post(path, Full::from(body))
}

/// JSON for `path` of the one host there is.
pub(crate) fn post<B>(path: &str, body: B) -> Request<B> {
    Request::post(format!("https://api.example/{path}"))
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn send<S, B, C>(client: S, request: Request<B>) -> Result<Response<Bytes>, Error>
where
    S: Service<Request<B>, Response = Response<C>, Error = Error>,
    C: Body<Error = Error>,
{
    let (head, body) = client.oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// Polls once, on this task.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

pub(crate) struct Bench {
    pub(crate) provider: Provider,
    pub(crate) stack: Stack,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

impl Bench {
    /// The document's policy, and light pictures.
    pub(crate) fn new(script: &str) -> Self {
        Self::with(Policy::nano_banana_pro(), script.parse().unwrap())
    }

    pub(crate) fn with(policy: Policy, script: Script) -> Self {
        let provider = Provider::builder()
            .image_weight(Weight::Tiny)
            .script(script)
            .build()
            .unwrap();
        Self {
            provider,
            stack: Stack::new(tested(policy)).unwrap(),
            attempts: Arc::default(),
        }
    }

    pub(crate) fn client(&self) -> StackService<Provider> {
        self.stack.layer(self.provider.clone())
    }

    /// `request`, whose attempts this bench hears of.
    pub(crate) fn watched<B>(&self, mut request: Request<B>) -> Request<B> {
        let attempts = self.attempts.clone();
        let observer = Observer::new(move |event: &Event<'_>| {
            if let Event::Started { attempt } = event {
                attempts.lock().unwrap().push((*attempt).clone());
            }
        });
        request.extensions_mut().insert(observer);
        request
    }

    /// Every attempt that was begun for a watched request.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    /// Sends a request through the stack and reads the answer to its end.
    pub(crate) async fn call<B>(&self, request: Request<B>) -> Result<Response<Bytes>, Error>
    where
        B: Body + Send + Unpin + 'static,
        B::Error: Into<longhaul::BoxError>,
        B::Data: Send,
    {
        send(self.client(), self.watched(request)).await
    }

    /// All that is wrong with the books once everything has settled: an attempt without an outcome, without
    /// exactly one closed entry, or an entry that does not agree with the oracle.
    pub(crate) async fn wrong(&self) -> Vec<String> {
        self.provider.oracle().settled().await;
        let records = self.stack.ledger().records();
        let mut wrong = disagreements(&records, &self.provider.oracle().entries());
        let attempts = self.attempts();
        for attempt in &attempts {
            let Some(outcome) = attempt.outcome_now() else {
                wrong.push(format!("{attempt:?} has no outcome"));
                continue;
            };
            let entries: Vec<_> = records
                .iter()
                .filter(|record| {
                    (record.opening.operation, record.opening.attempt)
                        == (attempt.operation(), attempt.number())
                })
                .collect();
            match &entries[..] {
                [] if outcome.class == Class::NeverSent => {}
                [entry] => {
                    let closing = entry.closing.as_ref();
                    if closing.map(|closing| closing.outcome) != Some(outcome) {
                        wrong.push(format!("{attempt:?}, but the entry says {closing:?}"));
                    }
                }
                entries => wrong.push(format!("{attempt:?} has {} entries", entries.len())),
            }
        }
        if records.len() > attempts.len() {
            wrong.push(format!("{} attempts, but {records:?}", attempts.len()));
        }
        wrong
    }

    /// Nothing is [wrong](Self::wrong).
    pub(crate) async fn assert_agreed(&self) {
        assert_eq!(self.wrong().await, Vec::<String>::new());
    }
}
