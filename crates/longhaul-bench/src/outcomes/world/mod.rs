//! The two providers that there are: the one that the scenario befalls, and another that is well.
//!
//! It is what stands below every policy: no layer, no clock, ten places at each host. The second provider exists for
//! policies that fall back; it takes the same price and has no incident.

mod places;

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, header};
use http_body_util::Full;
use longhaul_sim::{Action, Entry, Provider, Script, Seen, SimError, Weight};
use tower::Service;

use self::places::Places;
pub(super) use self::places::{Answer, Place};
use super::{
    day::Operation,
    scenario::{Course, Scenario},
};

/// The provider that everybody asks.
pub(super) const HOST: &str = "api.example";
/// The one that a fallback goes to, for the same price.
pub(super) const OTHER_HOST: &str = "other.example";

/// How often a relay pings its streams.
const PING: Duration = Duration::from_secs(15);

/// Tells the script which operation a request belongs to.
pub(super) const OPERATION: HeaderName = HeaderName::from_static("x-operation");

/// A client without any layer: it reaches both providers in process, has ten places for operations at each, and no clock
/// of its own.
#[derive(Clone, Debug)]
pub(super) struct World {
    provider: Host,
    other: Host,
}

#[derive(Clone, Debug)]
struct Host {
    provider: Provider,
    places: Places,
}

impl Host {
    fn new(provider: Provider) -> Self {
        let places = Places::new();
        Self { provider, places }
    }
}

impl World {
    /// Both providers, whose clocks start at midnight: now.
    pub(super) fn new(
        scenario: &Arc<Scenario>,
        operations: Arc<[Operation]>,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        // So heavy that no layer reads an answer to its end before it hands it on: as with real pictures.
        let builder = || {
            let builder = Provider::builder().image_weight(Weight::Light);
            // Streams that callers ask for themselves are silent, as OpenAI's are; those that ours makes are a relay's.
            if scenario.stream {
                builder
            } else {
                builder.pings(PING)
            }
        };
        let script = script(scenario.clone(), operations, seed);
        Ok(Self {
            provider: Host::new(builder().seed(seed).script(script).build()?),
            other: Host::new(builder().seed(!seed).build()?),
        })
    }

    /// Waits until nothing that is charged or delivered changes any more.
    pub(super) async fn settled(&self) {
        for host in [&self.provider, &self.other] {
            host.provider.oracle().settled().await;
        }
    }

    /// What both providers know of all requests.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.provider.provider.oracle().entries();
        entries.extend(self.other.provider.oracle().entries());
        entries
    }

    /// Waits for a place at the host of a request.
    pub(super) fn place<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Place> + Send + use<B> {
        let operation = request.headers().get(OPERATION).cloned();
        let places = self.host(request).places.clone();
        async move { places.take(operation).await }
    }

    /// Sends a request on a place that was waited for.
    pub(super) async fn send<B>(
        &self,
        place: Place,
        request: Request<B>,
    ) -> Result<http::Response<Answer>, SimError>
    where
        B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let answer = self.host(&request).provider.clone().call(request).await?;
        Ok(answer.map(|body| Answer::new(body, place)))
    }

    fn host<B>(&self, request: &Request<B>) -> &Host {
        if request.uri().host() == Some(OTHER_HOST) {
            &self.other
        } else {
            &self.provider
        }
    }
}

/// The operation that a request belonged to.
pub(super) fn operation_of(entry: &Entry) -> Option<usize> {
    let mut headers = entry.headers.iter();
    let (_, index) = headers.find(|(name, _)| *name == OPERATION.as_str())?;
    index.parse().ok()
}

/// The request for an operation, as the guide writes it.
pub(super) fn request(
    index: usize,
    operation: Operation,
    stream: bool,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let size = operation.size();
    let stream = if stream { r#","stream":true"# } else { "" };
    let body =
        format!(r#"{{"model":"nano-banana-pro","prompt":"a hat","size":"{size}","n":1{stream}}}"#);
    Request::post(format!("https://{HOST}/v1/images/generations"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(OPERATION, index)
        .body(Full::from(body))
}

/// What the provider's day has come to.
struct State {
    /// How often each operation was sent
    sent: Vec<u64>,
    course: Course,
}

/// An operation's luck depends on itself and on how often it was sent, on nothing else: the same for every policy.
fn script(scenario: Arc<Scenario>, operations: Arc<[Operation]>, seed: u64) -> Script {
    let state = Mutex::new(State {
        sent: vec![0; operations.len()],
        course: scenario.course(),
    });
    Script::from_fn(move |seen| {
        let Some(index) = index(seen).filter(|index| *index < operations.len()) else {
            return Action::default();
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { sent, course } = &mut *state;
        let mut luck = luck(seed, index as u64, sent[index]);
        sent[index] += 1;
        scenario.fate(seen.at, operations[index].resolution, &mut luck, course)
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

type BoxError = Box<dyn Error + Send + Sync>;
type Sent = dyn Future<Output = Result<http::Response<Answer>, SimError>> + Send;

impl<B> Service<Request<B>> for World
where
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = http::Response<Answer>;
    type Error = SimError;
    type Future = Pin<Box<Sent>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let world = self.clone();
        let place = self.place(&request);
        Box::pin(async move { world.send(place.await, request).await })
    }
}
