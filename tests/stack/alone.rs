//! Each layer by itself in a plain `ServiceBuilder`, around a service with `BoxError`.

use std::{error::Error as _, io, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
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
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::{
    below::{self, PICTURE},
    calls::{picture, send},
};

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
        .service(below::resetting());
    let error = service.oneshot(picture(Dialect::OpenAi)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Inner);
    let source: &io::Error = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_alone_knows_no_size_and_waits_longest() {
    let service = ServiceBuilder::new()
        .layer(SizeAwareTimeoutLayer::default())
        .service(below::silent());
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
        (Clock::Picture, Some(Resolution::Unknown))
    );
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert!(error.report().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_retry_alone_goes_by_status_and_keeps_the_schedule() {
    let below = below::answering(&[503, 429]);
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .service(below.clone());
    let began = Instant::now();
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!((answer.status(), below.calls().len()), (StatusCode::OK, 3));
    assert!(began.elapsed() >= Duration::from_secs(30));
    let report = answer.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Success);
    assert_eq!(outcome(&answer), (End::Finished, Class::Delivered));
}

#[tokio::test(start_paused = true)]
async fn the_retry_alone_cannot_tell_what_was_sent() {
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .service(below::resetting());
    let error = send(service, picture(Dialect::OpenAi)).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(error.report().unwrap().duplicates(), 2);
}

#[tokio::test(start_paused = true)]
async fn places_in_flight_alone_are_waited_for_once_and_then_refused() {
    let mut policy = InFlightPolicy::default();
    policy.max_per_host = 1;
    let service = ServiceBuilder::new()
        .layer(InFlightLayer::new(policy).unwrap())
        .service(below::silent());
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
        .service(below::answering(&[]));
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
            .service(below::answering(statuses));
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
    assert!(Http1Report::of(&answer).unwrap().mismatch);
}
