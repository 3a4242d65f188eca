//! The two providers that there are: the one that the scenario befalls, and another that is well.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, Request, header};
use http_body_util::Full;
use longhaul_sim::{Action, Body, Entry, Provider, ResponseFuture, Script, Seen, SimError, Weight};
use tower::Service;

use super::{day::Operation, scenario::Scenario};

/// The provider that everybody asks.
const HOST: &str = "api.example";
/// The one that a fallback goes to, for the same price.
pub(super) const OTHER_HOST: &str = "other.example";

/// Tells the script which operation a request belongs to.
const OPERATION: HeaderName = HeaderName::from_static("x-operation");

/// A client without any layer: it reaches both providers in process, and has no clock of its own.
#[derive(Clone, Debug)]
pub(super) struct World {
    provider: Provider,
    other: Provider,
}

impl World {
    /// Both providers, whose clocks start at midnight: now.
    pub(super) fn new(
        scenario: &Arc<Scenario>,
        operations: Arc<[Operation]>,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        // So heavy that no layer reads an answer to its end before it hands it on: as with real pictures.
        let builder = || Provider::builder().image_weight(Weight::Light);
        let script = script(scenario.clone(), operations, seed);
        Ok(Self {
            provider: builder().seed(seed).script(script).build()?,
            other: builder().seed(!seed).build()?,
        })
    }

    /// Waits until nothing that is charged or delivered changes any more.
    pub(super) async fn settled(&self) {
        self.provider.oracle().settled().await;
        self.other.oracle().settled().await;
    }

    /// What both providers know of all requests.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.provider.oracle().entries();
        entries.extend(self.other.oracle().entries());
        entries
    }
}

/// The request for an operation, as the guide writes it.
pub(super) fn request(
    index: usize,
    operation: Operation,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let size = operation.size();
    let body = format!(r#"{{"model":"nano-banana-pro","prompt":"a hat","size":"{size}","n":1}}"#);
    Request::post(format!("https://{HOST}/v1/images/generations"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(OPERATION, index)
        .body(Full::from(body))
}

/// An operation's luck depends on itself and on how often it was sent, on nothing else: the same for every policy.
fn script(scenario: Arc<Scenario>, operations: Arc<[Operation]>, seed: u64) -> Script {
    let sent: Vec<_> = operations.iter().map(|_| AtomicU64::new(0)).collect();
    Script::from_fn(move |seen| {
        let Some(index) = index(seen).filter(|index| *index < sent.len()) else {
            return Action::default();
        };
        let sent = sent[index].fetch_add(1, Ordering::Relaxed);
        let mut luck = luck(seed, index as u64, sent);
        scenario.fate(seen.at, operations[index].resolution, &mut luck)
    })
}

fn index(seen: &Seen<'_>) -> Option<usize> {
    seen.headers.get(OPERATION)?.to_str().ok()?.parse().ok()
}

/// Odd factors spread neighbouring numbers over all seeds.
fn luck(seed: u64, index: u64, sent: u64) -> fastrand::Rng {
    let of_operation = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let of_attempt = sent.wrapping_mul(0xd1b5_4a32_d192_ed03);
    fastrand::Rng::with_seed(seed ^ of_operation ^ of_attempt)
}

impl<B> Service<Request<B>> for World
where
    B: http_body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = SimError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        if request.uri().host() == Some(OTHER_HOST) {
            self.other.call(request)
        } else {
            self.provider.call(request)
        }
    }
}
