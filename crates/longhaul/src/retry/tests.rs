mod admission;
mod charged;
mod clocks;
mod collecting;
mod deadlines;
mod headers;
mod late;
mod learned;
mod memory;
mod money;
mod paid;
mod places;
mod replanning;
mod resending;
mod schedule;
mod script;
mod settling;
mod stacked;
mod tables;

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::{
    attempt::{Attempt, Deadline},
    body::Replay,
    classify::{ClassifyLayer, ClassifyPolicy},
    error::{BoxError, Error, ErrorKind},
    in_flight::{InFlightLayer, InFlightPolicy},
    model::{Class, End, Money, PerResolution, Resolution, Workload},
    observe::{Event, Observer},
    timeout::SizeAwareTimeoutLayer,
};

const SECOND: Duration = Duration::from_secs(1);

/// What the mock provider does with one request. The request body is always read whole.
#[derive(Clone, Debug)]
enum Act {
    Answer(u16, &'static str),
    AnswerWith(u16, &'static str, &'static str),
    Break(io::ErrorKind),
    Silence,
}

/// A request as it came: when, since the beginning; its key and attempt number.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    at: Duration,
    key: Option<String>,
    attempt: u32,
    body: Bytes,
}

#[derive(Clone)]
struct Provider {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    began: Instant,
}

impl Provider {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            acts: Arc::new(Mutex::new(acts.into_iter().collect())),
            seen: Arc::default(),
            began: Instant::now(),
        }
    }

    /// Whole seconds at which requests came.
    fn times(&self) -> Vec<u64> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.at.as_secs())
            .collect()
    }

    async fn serve<B>(self, request: Request<B>) -> Result<Response<Full<Bytes>>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error = Infallible>,
    {
        let act = self
            .acts
            .lock()
            .unwrap()
            .pop_front()
            .expect("one request too many");
        let header = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let seen = Seen {
            at: self.began.elapsed(),
            key: header("idempotency-key"),
            attempt: request.extensions().get::<Attempt>().unwrap().number(),
            // Without a connection no client asks for the body.
            body: match act {
                Act::Break(io::ErrorKind::ConnectionRefused) => Bytes::new(),
                _ => request.into_body().collect().await.unwrap().to_bytes(),
            },
        };
        self.seen.lock().unwrap().push(seen);
        let (status, header, body) = match act {
            Act::Answer(status, body) => (status, "x: y", body),
            Act::AnswerWith(status, header, body) => (status, header, body),
            Act::Break(kind) => return Err(io::Error::from(kind).into()),
            Act::Silence => pending().await,
        };
        let (name, value) = header.split_once(": ").unwrap();
        let response = Response::builder().status(status).header(name, value);
        Ok(response.body(Full::from(body)).unwrap())
    }
}

/// The default policy without jitter, so that waits are exact.
fn exact() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.schedule.jitter = 0.0;
    policy
}

/// The same, and refusals are waited through for so many seconds.
fn until(seconds: u64) -> RetryPolicy {
    let mut policy = exact();
    policy.free_until = Some(Duration::from_secs(seconds));
    policy
}

fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from("prompt"));
    request
        .extensions_mut()
        .insert(Workload::of(Resolution::K4));
    request
}

type Answered = Result<Response<Bytes>, Error>;

/// Retry over classify over timeout over the mock.
async fn run(policy: RetryPolicy, provider: &Provider, request: Request<Full<Bytes>>) -> Answered {
    let provider = provider.clone();
    let client = service_fn(move |request| provider.clone().serve(request));
    let client = SizeAwareTimeoutLayer::default().layer(client);
    let client = ClassifyLayer::new(ClassifyPolicy::default())
        .unwrap()
        .layer(client);
    let client = ClassifyingRetryLayer::new(policy).unwrap().layer(client);
    let (head, body) = client.oneshot(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

fn report(answered: &Answered) -> RetryReport {
    match answered {
        Ok(response) => response.extensions().get::<RetryReport>().unwrap().clone(),
        Err(error) => error.report().unwrap().clone(),
    }
}

fn classes(answered: &Answered) -> Vec<Class> {
    report(answered).classes().map(Option::unwrap).collect()
}

/// Retry over one place in flight, which another call holds for the first 35 s.
async fn run_in_line(provider: &Provider, request: Request<Full<Bytes>>) -> Answered {
    let held = Duration::from_secs(35);
    let provider = provider.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let provider = provider.clone();
        async move {
            if request.extensions().get::<Attempt>().is_none() {
                sleep(held).await;
                return Ok(Response::new(Full::default()));
            }
            provider.serve(request).await
        }
    });
    let policy = InFlightPolicy {
        max_per_host: 1,
        ..InFlightPolicy::default()
    };
    let client = InFlightLayer::new(policy).unwrap().layer(client);
    tokio::spawn(client.clone().oneshot(Request::new(Full::default())));
    tokio::task::yield_now().await;
    let client = ClassifyingRetryLayer::new(exact()).unwrap().layer(client);
    let (head, body) = client.oneshot(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

const OK: Act = Act::Answer(200, r#"{"data":[{"b64_json":"AAAA"}]}"#);
const OVERLOADED: Act = Act::Answer(503, r#"{"error":{"message":"The model is overloaded."}}"#);

#[test]
fn a_call_that_is_known_to_cost_nothing_is_never_a_duplicate() {
    let mut policy = exact();
    policy.max_duplicate_cost = Some(Money::usd_micros(0));
    let mut situation = Situation::new(End::TimedOut, Class::UnknownOutcome);
    situation.price = Some(Money::usd_micros(0));
    let verdict = policy.decision(&situation);
    assert!(matches!(
        verdict,
        RetryDecision::Again {
            duplicate: false,
            ..
        }
    ));
}

/// The guide's rows and their neighbours, asked of the policy itself.
#[test]
fn the_verdict_on_each_class() {
    let again = |class| {
        let policy = exact();
        match policy.decision(&Situation::new(End::Failed, class)) {
            RetryDecision::Again { wait, duplicate } => Some((wait.as_secs(), duplicate)),
            RetryDecision::Stop(_) => None,
        }
    };
    let rows = [
        (Class::NeverSent, Some((5, false))),
        (Class::SentPartial, Some((5, false))),
        (Class::Refused, Some((5, false))),
        (Class::RateLimited, Some((15, false))),
        (Class::QuotaExhausted, None),
        (Class::Overloaded, Some((15, false))),
        (Class::Unavailable, Some((15, false))),
        (Class::InFlight, Some((5, false))),
        (Class::KeyReuse, None),
        (Class::ClientError, None),
        (Class::RequestTimeout, Some((5, true))),
        (Class::ServerError, Some((5, true))),
        (Class::ModelDeadline, Some((5, true))),
        (Class::IntermediaryCut, Some((5, true))),
        (Class::UnknownOutcome, Some((5, true))),
        (Class::Undelivered, Some((5, true))),
        (Class::Accepted, None),
        (Class::NoImage, None),
        (Class::ContentBlocked, None),
        (Class::Delivered, None),
        (Class::Redirect, None),
        (Class::NotBegun, None),
    ];
    assert_eq!(rows.map(|(class, _)| class), Class::ALL);
    for (class, expected) in rows {
        assert_eq!(again(class), expected, "{class}");
    }
}

#[test]
fn a_policy_that_cannot_work_is_refused_by_name() {
    type Break = fn(&mut RetryPolicy);
    let rows: [(&str, Break); 10] = [
        ("paid_attempts", |policy| policy.paid_attempts = 0),
        // It would stand in the place of the key, and each attempt would be paid.
        ("attempt_header", |policy| {
            policy.attempt_header = policy.key_header.clone();
        }),
        ("schedule.jitter", |policy| policy.schedule.jitter = 1.5),
        ("schedule.jitter", |policy| {
            policy.schedule.jitter = f64::NAN
        }),
        ("schedule.cap", |policy| {
            policy.schedule.cap = Duration::ZERO
        }),
        ("schedule.after_error", |policy| {
            policy.schedule.after_error = Backoff::Fixed(Duration::ZERO);
        }),
        ("schedule.after_timeout", |policy| {
            policy.schedule.after_timeout = Backoff::Linear(61 * SECOND);
        }),
        ("schedule.after_error", |policy| {
            policy.schedule.after_error = Backoff::Fixed(61 * SECOND);
        }),
        ("schedule.unsent", |policy| {
            policy.schedule.unsent = Backoff::Exponential(61 * SECOND);
        }),
        ("max_duplicate_cost", |policy| {
            policy.max_duplicate_cost = Some(Money::usd_micros(-1))
        }),
    ];
    for (field, spoil) in rows {
        let mut policy = RetryPolicy::default();
        spoil(&mut policy);
        assert_eq!(
            ClassifyingRetryLayer::new(policy).unwrap_err().field(),
            field
        );
    }
}

#[test]
fn the_future_is_as_send_as_its_parts() {
    fn is_send<T: Send>() {}
    type Future = std::future::Ready<Result<Response<Full<Bytes>>, BoxError>>;
    type Inner = tower::util::ServiceFn<fn(Request<Full<Bytes>>) -> Future>;
    is_send::<ResponseFuture<Inner, Full<Bytes>>>();
    is_send::<ResponseBody<Full<Bytes>>>();
}
