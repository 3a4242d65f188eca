//! Layers in pairs and orders that a `Stack` does not have: not what they are made for, and still sane.

use std::time::Duration;

use http::StatusCode;
use longhaul::{
    Class, End,
    billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger},
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    in_flight::{InFlightLayer, InFlightPolicy},
    retry::ClassifyingRetryLayer,
    timeout::SizeAwareTimeoutLayer,
};
use longhaul_sim::Dialect;
use tokio::time::{Instant, sleep};
use tower::ServiceBuilder;

use crate::{
    below,
    calls::{picture, send},
};

#[tokio::test(start_paused = true)]
async fn retry_over_timeout_undetected_waits_until_the_deadline() {
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .layer(SizeAwareTimeoutLayer::default())
        .service(below::silent());
    let began = Instant::now();
    let error = send(service, picture(Dialect::OpenAi)).await.unwrap_err();
    // Late after the longest limit, and not ended by it: the next are begun beside those before.
    assert_eq!(began.elapsed().as_secs(), 2_250);
    let report = error.report().unwrap();
    assert_eq!(report.attempts().len(), 3);
    // 5 and 15 s of waits, up to a fifth more by chance.
    for (attempt, lasted) in
        report
            .attempts()
            .iter()
            .zip([2_250..2_251, 1_643..1_646, 1_031..1_036])
    {
        let outcome = attempt.outcome_now().unwrap();
        assert_eq!(outcome.end, End::TimedOut);
        assert!(lasted.contains(&outcome.duration.as_secs()), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn timeout_over_tracker_is_a_cancel_and_never_a_lost_entry() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let service = ServiceBuilder::new()
        .layer(SizeAwareTimeoutLayer::default())
        .layer(layer.unwrap())
        .service(below::silent());
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
    let below = below::answering(&[503]);
    let service = ServiceBuilder::new()
        .layer(ClassifyingRetryLayer::default())
        .layer(DetectWorkloadLayer::default())
        .service(below.clone());
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!((answer.status(), below.calls().len()), (StatusCode::OK, 2));
}

#[tokio::test(start_paused = true)]
async fn places_over_retry_are_held_through_all_attempts() {
    let mut policy = InFlightPolicy::default();
    policy.max_per_host = 1;
    policy.queue_timeout = Duration::from_secs(100);
    let below = below::answering(&[503]);
    let service = ServiceBuilder::new()
        .layer(InFlightLayer::new(policy).unwrap())
        .layer(ClassifyingRetryLayer::default())
        .service(below.clone());
    let first = tokio::spawn(send(service.clone(), picture(Dialect::OpenAi)));
    tokio::task::yield_now().await;
    let second = tokio::spawn(send(service, picture(Dialect::OpenAi)));
    sleep(Duration::from_secs(1)).await;
    // The first waits to be sent again, and nobody else is let in.
    assert_eq!(below.calls().len(), 1);
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert_eq!(below.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_classifier_over_the_tracker_is_late_but_harmless() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::default())
        .layer(layer.unwrap())
        .layer(InFlightLayer::default())
        .service(below::answering(&[429]));
    let answer = send(service, picture(Dialect::OpenAi)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let outcome = ledger.records()[0].closing.as_ref().unwrap().outcome;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::Finished, Class::RateLimited)
    );
}
