//! Each layer by itself in a plain `ServiceBuilder`, around a service with `BoxError`; and odd pairs.

use std::{
    error::Error as _,
    future::{Future, pending},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Attempt, BoxError, Class, End, ErrorKind, Resolution, Workload,
    billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger},
    body::ReplayBody,
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    error::Clock,
    http1::{ForceHttp1Layer, Http1Report},
    in_flight::{InFlightLayer, InFlightPolicy},
    retry::{ClassifyingRetryLayer, RetryReport, StoppedBy},
    timeout::SizeAwareTimeoutLayer,
};
use longhaul_sim::Dialect;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::bench::{picture, send};

type Answer = Result<Response<Full<Bytes>>, BoxError>;

const PICTURE: &str = r#"{"data":[{"b64_json":"aW1n"}]}"#;

/// Takes every request whole, and then does the same thing with all of them.
#[derive(Clone)]
struct Below {
    does: Does,
    calls: Arc<AtomicU32>,
}

#[derive(Clone, Copy)]
enum Does {
    /// Answers with these statuses one after the other; 200 after the last.
    Answer(&'static [u16]),
    Silence,
    Reset,
}

impl Below {
    fn that(does: Does) -> Self {
        Self {
            does,
            calls: Arc::default(),
        }
    }

    fn answering(statuses: &'static [u16]) -> Self {
        Self::that(Does::Answer(statuses))
    }

    fn calls(&self) -> u32 {
        self.calls.load(Relaxed)
    }

    async fn answer(self) -> Answer {
        let call = self.calls.fetch_add(1, Relaxed) as usize;
        let status = match self.does {
            Does::Answer(statuses) => statuses.get(call).copied().unwrap_or(200),
            Does::Silence => pending().await,
            Does::Reset => {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
            }
        };
        Ok(Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Full::from(PICTURE))?)
    }
}

impl<B> Service<Request<B>> for Below
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let below = self.clone();
        Box::pin(async move {
            drop(request.into_body().collect().await);
            below.answer().await
        })
    }
}

fn outcome<B>(answer: &Response<B>) -> (End, Class) {
    let attempt = answer.extensions().get::<Attempt>().unwrap();
    let outcome = attempt.outcome_now().unwrap();
    (outcome.end, outcome.class)
}

#[tokio::test(start_paused = true)]
async fn the_detector_alone_tells_the_service_below_what_is_asked_for() {
    let service = ServiceBuilder::new()
        .layer(DetectWorkloadLayer::default())
        .service(service_fn(
            |request: Request<ReplayBody<Full<Bytes>>>| async move {
                let workload: &Workload = request.extensions().get().unwrap();
                let name = workload.resolution.name();
                Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(name)))
            },
        ));
    let answer = service.oneshot(picture(Dialect::Gemini)).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, Resolution::K4.name());
}

#[tokio::test(start_paused = true)]
async fn an_error_from_below_is_the_source_of_ours() {
    let service = ServiceBuilder::new()
        .layer(ForceHttp1Layer::default())
        .service(Below::that(Does::Reset));
    let error = service.oneshot(picture(Dialect::OpenAi)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Inner);
    let source: &io::Error = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_alone_knows_no_size_and_waits_longest() {
    let service = ServiceBuilder::new()
        .layer(SizeAwareTimeoutLayer::default())
        .service(Below::that(Does::Silence));
    let began = Instant::now();
    let error = service
        .oneshot(picture(Dialect::OpenAi))
        .await
        .err()
        .unwrap();
    assert_eq!(began.elapsed().as_secs(), 600);
    let ErrorKind::Timeout {
        clock, resolution, ..
    } = *error.kind()
    else {
        panic!("{error}")
    };
    assert_eq!(
        (clock, resolution),
        (Clock::Head, Some(Resolution::Unknown))
    );
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert!(error.report().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_retry_alone_goes_by_status_and_keeps_the_schedule() {
    let below = Below::answering(&[503, 429]);
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .service(below.clone());
    let began = Instant::now();
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!((answer.status(), below.calls()), (StatusCode::OK, 3));
    assert!(began.elapsed() >= Duration::from_secs(30));
    let report = answer.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Success);
    assert_eq!(outcome(&answer), (End::Finished, Class::Delivered));
}

#[tokio::test(start_paused = true)]
async fn the_retry_alone_cannot_tell_what_was_sent_and_counts_a_duplicate() {
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .service(Below::that(Does::Reset));
    let error = send(service, picture(Dialect::OpenAi)).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(error.report().unwrap().duplicates(), 2);
}

#[tokio::test(start_paused = true)]
async fn places_in_flight_alone_are_waited_for_once_and_then_refused() {
    let mut policy = InFlightPolicy::default();
    policy.per_host = 1;
    let service = ServiceBuilder::new()
        .layer(InFlightLayer::new(policy).unwrap())
        .service(Below::that(Does::Silence));
    let holder = tokio::spawn(service.clone().oneshot(picture(Dialect::OpenAi)));
    tokio::task::yield_now().await;
    let began = Instant::now();
    let error = service
        .oneshot(picture(Dialect::OpenAi))
        .await
        .err()
        .unwrap();
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(error.class(), Class::NeverSent);
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn the_tracker_alone_writes_attempt_1_of_1_and_guesses_no_price() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let service = ServiceBuilder::new()
        .layer(layer.unwrap())
        .service(Below::answering(&[]));
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!(outcome(&answer), (End::Finished, Class::Delivered));
    let record = &ledger.records()[0];
    assert_eq!(record.opening.attempt, 1);
    assert_eq!(record.opening.resolution, Resolution::Unknown);
    assert_eq!(record.opening.price, None);
    assert_eq!(ledger.totals().unknown, 1);
}

#[tokio::test(start_paused = true)]
async fn the_classifier_alone_judges_and_hands_on_what_came() {
    for (statuses, class) in [
        (&[][..], Class::Delivered),
        (&[503][..], Class::Unavailable),
        (&[302][..], Class::Redirect),
    ] {
        let service = ServiceBuilder::new()
            .layer(ClassifyLayer::default())
            .service(Below::answering(statuses));
        let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
        assert_eq!(outcome(&answer), (End::Finished, class));
        assert_eq!(answer.into_body(), PICTURE);
    }
}

#[tokio::test(start_paused = true)]
async fn http_1_alone_sets_the_version_and_reports_what_came_back() {
    let service = ServiceBuilder::new()
        .layer(ForceHttp1Layer::default())
        .service(service_fn(|request: Request<Full<Bytes>>| async move {
            assert_eq!(request.version(), Version::HTTP_11);
            let mut answer = Response::new(Full::<Bytes>::default());
            *answer.version_mut() = Version::HTTP_2;
            Ok::<_, BoxError>(answer)
        }));
    let mut request = picture(Dialect::OpenAi);
    *request.version_mut() = Version::HTTP_2;
    let answer = service.oneshot(request).await.unwrap();
    assert!(answer.extensions().get::<Http1Report>().unwrap().mismatch);
}

// Odd pairs and orders.

#[tokio::test(start_paused = true)]
async fn retry_over_timeout_without_a_detector_waits_longest_each_time() {
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .layer(SizeAwareTimeoutLayer::default())
        .service(Below::that(Does::Silence));
    let began = Instant::now();
    let error = send(service, picture(Dialect::OpenAi)).await.unwrap_err();
    // 15 s of waits, up to a fifth more by chance.
    assert!((1815..1819).contains(&began.elapsed().as_secs()));
    let report = error.report().unwrap();
    assert_eq!(report.attempts().len(), 3);
    for attempt in report.attempts() {
        assert_eq!(attempt.outcome_now().unwrap().end, End::TimedOut);
    }
}

#[tokio::test(start_paused = true)]
async fn timeout_over_tracker_is_a_cancel_in_the_entry_and_never_a_lost_one() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let service = ServiceBuilder::new()
        .layer(SizeAwareTimeoutLayer::default())
        .layer(layer.unwrap())
        .service(Below::that(Does::Silence));
    let error = send(service, picture(Dialect::OpenAi)).await.unwrap_err();
    assert!(error.is_timeout());
    let outcome = ledger.records()[0].closing.as_ref().unwrap().outcome;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::Cancelled, Class::UnknownOutcome)
    );
}

#[tokio::test(start_paused = true)]
async fn retry_over_detector_sends_the_body_again_all_the_same() {
    let below = Below::answering(&[503]);
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .layer(DetectWorkloadLayer::default())
        .service(below.clone());
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!((answer.status(), below.calls()), (StatusCode::OK, 2));
}

#[tokio::test(start_paused = true)]
async fn places_over_retry_are_held_through_all_attempts() {
    let mut policy = InFlightPolicy::default();
    policy.per_host = 1;
    policy.wait = Duration::from_secs(100);
    let below = Below::answering(&[503]);
    let service = ServiceBuilder::new()
        .layer(InFlightLayer::new(policy).unwrap())
        .layer(ClassifyingRetryLayer::default())
        .service(below.clone());
    let first = tokio::spawn(send(service.clone(), picture(Dialect::OpenAi)));
    tokio::task::yield_now().await;
    let second = tokio::spawn(send(service, picture(Dialect::OpenAi)));
    sleep(Duration::from_secs(1)).await;
    // The first waits to be sent again, and nobody else is let in.
    assert_eq!(below.calls(), 1);
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert_eq!(below.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_classifier_over_the_tracker_judges_too_late_but_harms_nothing() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::default())
        .layer(layer.unwrap())
        .layer(InFlightLayer::default())
        .service(Below::answering(&[429]));
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let outcome = ledger.records()[0].closing.as_ref().unwrap().outcome;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::Finished, Class::RateLimited)
    );
}
