mod admission;
mod charged;
mod collecting;
mod deadlines;
mod headers;
mod late;
mod money;
mod paid;
mod replanning;
mod script;
mod tables;

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{
    attempt::{Attempt, Deadline},
    body::Replay,
    classify::{ClassifyLayer, ClassifyPolicy},
    error::{BoxError, Error, ErrorKind},
    in_flight::{InFlightLayer, InFlightPolicy},
    model::{Class, End, Money, Resolution, Workload},
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

const OK: Act = Act::Answer(200, r#"{"data":[{"b64_json":"AAAA"}]}"#);
const OVERLOADED: Act = Act::Answer(503, r#"{"error":{"message":"The model is overloaded."}}"#);

#[tokio::test(start_paused = true)]
async fn the_guides_schedule_after_timeouts_is_5_then_10_seconds() {
    let provider = Provider::new([Act::Silence, Act::Silence, OK]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(answered.as_ref().unwrap().status(), 200);
    assert_eq!(provider.times(), [0, 605, 1215]);
    assert_eq!(report(&answered).waits(), [5 * SECOND, 10 * SECOND]);
    assert_eq!(report(&answered).duplicates(), 2);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Success);
}

#[tokio::test(start_paused = true)]
async fn the_guides_wait_after_any_other_network_error_is_5_seconds() {
    let reset = Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset.clone(), reset, OK]);
    run(exact(), &provider, request()).await.unwrap();
    assert_eq!(provider.times(), [0, 5, 10]);
}

#[tokio::test(start_paused = true)]
async fn the_guides_three_attempts_end_with_the_last_failure() {
    let reset = || Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset(), reset(), reset()]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(provider.times().len(), 3);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
    let error = answered.unwrap_err();
    assert_eq!(error.attempt().unwrap().number(), 3);
    assert_eq!(error.class(), Class::UnknownOutcome);
}

#[tokio::test(start_paused = true)]
async fn after_an_overload_it_waits_at_least_15_seconds() {
    let provider = Provider::new([OVERLOADED, Act::Answer(503, ""), OK]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(provider.times(), [0, 15, 45]);
    assert_eq!(
        classes(&answered),
        [Class::Overloaded, Class::Unavailable, Class::Delivered]
    );
    assert_eq!(
        report(&answered).duplicates(),
        0,
        "refused attempts are free"
    );
}

#[tokio::test(start_paused = true)]
async fn what_sending_again_does_not_help_is_sent_once() {
    for (status, body) in [
        (400, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (422, ""),
        (307, ""),
        (501, ""),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#),
    ] {
        let provider = Provider::new([Act::AnswerWith(
            status,
            "content-type: application/json",
            body,
        )]);
        let answered = run(exact(), &provider, request()).await;
        assert_eq!(answered.as_ref().unwrap().status(), status);
        assert_eq!(
            report(&answered).stopped_by(),
            StoppedBy::Class,
            "{status} {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn it_never_sends_sooner_than_the_server_asks() {
    for (header, wait) in [
        ("retry-after: 42", 42),
        ("retry-after: 3", 15),
        ("retry-after-ms: 42000", 42),
        ("x-ms-retry-after-ms: 42000", 42),
        ("retry-after: 120", 120),
    ] {
        let provider = Provider::new([Act::AnswerWith(429, header, ""), OK]);
        run(exact(), &provider, request()).await.unwrap();
        assert_eq!(provider.times(), [0, wait], "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_over_the_cap_stops_and_says_when_to_come_back() {
    let provider = Provider::new([Act::AnswerWith(429, "retry-after: 121", "later")]);
    let began = Instant::now();
    let answered = run(exact(), &provider, request()).await;
    let report = report(&answered);
    assert_eq!(report.stopped_by(), StoppedBy::RetryAfterTooLong);
    assert_eq!(report.retry_at(), Some(began + 121 * SECOND));
    assert_eq!(answered.unwrap().into_body(), "later");
}

#[tokio::test(start_paused = true)]
async fn all_attempts_carry_one_key_and_the_same_body() {
    let provider = Provider::new([OVERLOADED, Act::Silence, OK]);
    run(exact(), &provider, request()).await.unwrap();
    let seen = provider.seen.lock().unwrap();
    assert!(seen[0].key.is_some());
    assert!(seen.iter().all(|other| other.key == seen[0].key));
    let numbers: Vec<_> = seen.iter().map(|seen| seen.attempt).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(seen.iter().all(|seen| seen.body == "prompt"));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_callers_is_kept() {
    let provider = Provider::new([OVERLOADED, OK]);
    let mut request = request();
    request
        .headers_mut()
        .insert("idempotency-key", "mine".parse().unwrap());
    run(exact(), &provider, request).await.unwrap();
    for seen in &*provider.seen.lock().unwrap() {
        assert_eq!(seen.key.as_deref(), Some("mine"));
    }
}

#[tokio::test(start_paused = true)]
async fn never_paying_twice_stops_where_an_attempt_may_be_charged() {
    let mut policy = exact();
    policy.paid_attempts = 1;
    // What was refused is still sent again.
    let provider = Provider::new([OVERLOADED, OVERLOADED, OK]);
    run(policy.clone(), &provider, request()).await.unwrap();

    let provider = Provider::new([Act::Silence]);
    let answered = run(policy, &provider, request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
    assert!(answered.unwrap_err().is_timeout());
}

#[test]
fn the_money_for_duplicates_bounds_them() {
    let mut policy = exact();
    policy.max_duplicate_micros = Some(300_000);
    let mut situation = Situation::new(End::Failed, Class::UnknownOutcome);
    let stops = |situation: &Situation| {
        policy.decision(situation) == RetryDecision::Stop(StoppedBy::Duplicates)
    };
    assert!(stops(&situation), "an unknown price is not zero");
    situation.price = Some(Money::usd_micros(240_000));
    assert!(!stops(&situation));
    situation.duplicates = 1;
    assert!(stops(&situation), "two of them would cost 0.48");
}

#[tokio::test(start_paused = true)]
async fn the_caller_gets_the_ending_that_may_have_cost_most() {
    let provider = Provider::new([
        Act::Answer(500, "the dear one"),
        OVERLOADED,
        Act::Answer(503, "the last one"),
    ]);
    let answered = run(until(40), &provider, request()).await;
    assert_eq!(report(&answered).attempts().len(), 3);
    let response = answered.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.extensions().get::<Attempt>().unwrap().number(), 1);
    assert_eq!(response.into_body(), "the dear one");

    let reset = Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset, OVERLOADED, OVERLOADED]);
    let error = run(until(40), &provider, request()).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(error.report().unwrap().attempts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn of_endings_that_may_have_cost_the_same_the_caller_gets_the_last() {
    let provider = Provider::new([
        Act::Answer(503, "first"),
        Act::Answer(503, "second"),
        Act::Answer(503, "third"),
    ]);
    let response = run(until(50), &provider, request()).await.unwrap();
    assert_eq!(response.into_body(), "third");
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

#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_costs_no_attempt() {
    let provider = Provider::new([Act::Answer(503, ""), Act::Answer(503, ""), OK]);
    let answered = run_in_line(&provider, request()).await;
    assert_eq!(report(&answered).queue_timeouts(), 3);
    assert_eq!(report(&answered).attempts().len(), 3);
    assert_eq!(provider.times(), [35, 50, 80]);
}

/// A body that can be sent only once.
struct Once;

impl Replay for Once {
    fn try_clone(&self) -> Option<Self> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_again_is_sent_once_and_the_report_says_so() {
    let service = service_fn(async |_: Request<Once>| {
        Ok::<_, BoxError>(
            Response::builder()
                .status(503)
                .body(Full::<Bytes>::from(""))
                .unwrap(),
        )
    });
    let client = ClassifyingRetryLayer::default().layer(service);
    let response = client.oneshot(Request::new(Once)).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Body);
}

#[tokio::test(start_paused = true)]
async fn alone_it_judges_by_error_and_status() {
    let acts = Provider::new([Act::Answer(503, ""), Act::Answer(502, ""), OK]);
    let provider = acts.clone();
    let client = service_fn(move |request| provider.clone().serve(request));
    let client = ClassifyingRetryLayer::default().layer(client);
    let response = client.oneshot(request()).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap().clone();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    assert_eq!(attempt.outcome_now(), None, "its body is still to come");
    response.into_body().collect().await.unwrap();
    let classes: Vec<_> = report.classes().map(Option::unwrap).collect();
    assert_eq!(
        classes,
        [Class::Unavailable, Class::IntermediaryCut, Class::Delivered]
    );
    assert_eq!(attempt.outcome_now().unwrap().end, End::Finished);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_what_a_waiting_person_wants_to_know() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = heard.clone();
    let observer = Observer::new(move |event: &Event<'_>| {
        into.lock().unwrap().push(match event {
            Event::Started { attempt } => format!("started {}", attempt.number()),
            Event::Waiting { class, wait, .. } => format!("{class}, waiting {wait:?}"),
            Event::Settled { attempt } => format!("settled {}", attempt.number()),
            other => format!("{other:?}"),
        });
    });
    let provider = Provider::new([OVERLOADED, OK]);
    let mut request = request();
    request.extensions_mut().insert(observer);
    run(exact(), &provider, request).await.unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(
        *heard,
        [
            "started 1",
            "Overloaded, waiting 15s",
            "started 2",
            "settled 2"
        ]
    );
}

/// Ready for its first call, and broken when asked the second time.
#[derive(Clone)]
struct Breaks {
    asked: Arc<Mutex<u32>>,
}

impl Service<Request<Full<Bytes>>> for Breaks {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        Poll::Ready(if *asked == 1 {
            Ok(())
        } else {
            Err("the service is closed".into())
        })
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        std::future::ready(Err(io::Error::from(io::ErrorKind::ConnectionReset).into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_breaks_between_attempts_does_not_hide_the_first_failure() {
    let service = Breaks {
        asked: Arc::default(),
    };
    let error = ClassifyingRetryLayer::new(exact())
        .unwrap()
        .layer(service)
        .oneshot(request())
        .await
        .unwrap_err();
    assert_eq!(
        error.class(),
        Class::UnknownOutcome,
        "the one that may have cost something"
    );
    let classes: Vec<_> = error
        .report()
        .unwrap()
        .classes()
        .map(Option::unwrap)
        .collect();
    assert_eq!(
        classes,
        [&[Class::UnknownOutcome][..], &[Class::NeverSent; 6],].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_each_attempt_has_one_outcome() {
    for ticks in 0..60 {
        let provider = Provider::new([OVERLOADED, Act::Silence, OK]);
        let attempts = Arc::new(Mutex::new(Vec::<Attempt>::new()));
        let into = attempts.clone();
        let mut request = request();
        request
            .extensions_mut()
            .insert(Observer::new(move |event: &Event<'_>| {
                if let Event::Started { attempt } = event {
                    into.lock().unwrap().push((*attempt).clone());
                }
            }));
        let call = run(exact(), &provider, request);
        let cut = Duration::from_secs(ticks * 12);
        let result = tokio::time::timeout(cut, call).await;
        drop(result);
        for attempt in &*attempts.lock().unwrap() {
            let outcome = attempt.outcome_now().expect("dropped, it has ended");
            let running = cut < 15 * SECOND;
            assert!(running || attempt.number() > 1 || outcome.class == Class::Overloaded);
        }
    }
}

#[test]
fn a_call_that_is_known_to_cost_nothing_is_never_a_duplicate() {
    let mut policy = exact();
    policy.max_duplicate_micros = Some(0);
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
    let rows: [(&str, Break); 6] = [
        ("paid_attempts", |policy| policy.paid_attempts = 0),
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
        ("max_duplicate_micros", |policy| {
            policy.max_duplicate_micros = Some(-1)
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

fn any_backoff() -> impl Strategy<Value = Backoff> {
    (0_u8..4, 1_u64..100_000).prop_map(|(kind, millis)| {
        let base = Duration::from_millis(millis);
        match kind {
            0 => Backoff::Fixed(base),
            1 => Backoff::Linear(base),
            2 => Backoff::Exponential(base),
            _ => Backoff::FullJitter(base),
        }
    })
}

proptest! {
    #[test]
    fn no_schedule_waits_less_than_the_server_asks_or_more_than_it_may(
        backoff in any_backoff(),
        attempt in 1_u32..100,
        told in proptest::option::of(0_u64..200_000),
        class in 0_usize..Class::ALL.len(),
        timed_out: bool,
    ) {
        let schedule = Schedule {
            after_timeout: backoff,
            after_error: backoff,
            ..Schedule::default()
        };
        let told = told.map(Duration::from_millis);
        let end = if timed_out { End::TimedOut } else { End::Failed };
        let wait = schedule.wait(attempt, end, Class::ALL[class], told);
        prop_assert!(wait >= told.unwrap_or_default());
        let most = schedule.cap.mul_f64(1.0 + schedule.jitter);
        prop_assert!(wait <= most.max(told.unwrap_or_default()));
    }
}

#[test]
fn two_operations_do_not_wait_alike() {
    let schedule = Schedule::default();
    let waits: std::collections::HashSet<_> = (0..100)
        .map(|_| schedule.wait(1, End::Failed, Class::NeverSent, None))
        .collect();
    assert!(waits.len() > 90, "jitter below a second is not lost");
    assert!(
        waits
            .iter()
            .all(|wait| (5.0..=6.0).contains(&wait.as_secs_f64()))
    );
}

#[test]
fn the_future_is_as_send_as_its_parts() {
    fn is_send<T: Send>() {}
    type Future = std::future::Ready<Result<Response<Full<Bytes>>, BoxError>>;
    type Inner = tower::util::ServiceFn<fn(Request<Full<Bytes>>) -> Future>;
    is_send::<ResponseFuture<Inner, Full<Bytes>>>();
    is_send::<ResponseBody<Full<Bytes>>>();
}
