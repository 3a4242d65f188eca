//! Whoever owns the deadline races all waits against it.

use std::future::ready;

use super::{script::*, *};
use crate::{
    body::ReplayBody,
    detect::DetectWorkloadLayer,
    error::Clock,
    mock::{MockBody, MockClient, Step, reset},
};

/// A deadline in five minutes.
fn soon() -> Request<Full<Bytes>> {
    let mut request = request();
    request
        .extensions_mut()
        .insert(Deadline::after(300 * SECOND));
    request
}

fn is_at_deadline(began: Instant) -> bool {
    let elapsed = began.elapsed();
    (300 * SECOND..301 * SECOND).contains(&elapsed)
}

#[tokio::test(start_paused = true)]
async fn alone_around_a_silent_service_it_ends_at_the_deadline() {
    let began = Instant::now();
    let service = service_fn(async |_: Request<Full<Bytes>>| {
        pending::<()>().await;
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let layer = ClassifyingRetryLayer::default();
    let error = layer.layer(service).oneshot(soon()).await.unwrap_err();
    assert!(is_at_deadline(began));
    let clock = match error.kind() {
        ErrorKind::Timeout { clock, .. } => *clock,
        other => panic!("{other:?}"),
    };
    assert_eq!(clock, Clock::Operation);
    let outcome = error.attempt().unwrap().outcome_now().unwrap();
    assert_eq!(
        (outcome.end, outcome.class),
        (End::TimedOut, Class::UnknownOutcome)
    );
    assert_eq!(error.report().unwrap().stopped_by(), StoppedBy::Deadline);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_again_holds_nobody_up() {
    let began = Instant::now();
    let service = MockClient::new(|_| ready(Err(reset()))).ready_only(1, None);
    let layer = ClassifyingRetryLayer::default();
    let error = layer.layer(service).oneshot(soon()).await.unwrap_err();
    assert!(is_at_deadline(began));
    assert_eq!(error.class(), Class::UnknownOutcome, "the first failure");
    assert_eq!(error.report().unwrap().attempts().len(), 1);
    assert_eq!(error.report().unwrap().stopped_by(), StoppedBy::Deadline);
}

/// A body that never comes.
fn stuck() -> MockBody {
    MockBody::new([Step::Hang])
}

#[tokio::test(start_paused = true)]
async fn a_callers_body_that_never_ends_ends_with_its_deadline() {
    let began = Instant::now();
    let service = service_fn(async |_: Request<ReplayBody<MockBody>>| {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = Request::new(stuck());
    request
        .extensions_mut()
        .insert(Deadline::after(300 * SECOND));
    let layer = DetectWorkloadLayer::default();
    let error = layer.layer(service).oneshot(request).await.unwrap_err();
    assert!(is_at_deadline(began));
    assert_eq!(error.class(), Class::NotBegun);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stops_half_way_ends_with_the_callers_deadline() {
    let began = Instant::now();
    let service =
        service_fn(async |_: Request<Full<Bytes>>| Ok::<_, BoxError>(Response::new(stuck())));
    let layer = ClassifyingRetryLayer::default();
    let response = layer.layer(service).oneshot(soon()).await.unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    let error = response.into_body().collect().await.unwrap_err();
    assert!(is_at_deadline(began));
    assert!(error.is_timeout());
    let outcome = attempt.outcome_now().unwrap();
    assert_eq!(
        (outcome.end, outcome.class),
        (End::TimedOut, Class::Undelivered)
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_duplicate_ends_nothing_that_still_runs() {
    // Late at 600 s, the next at 605 s: neither is cut before the deadline by the wait of the other.
    let policy = exact();
    let script = Script::new(
        policy,
        [
            Say::picture(2_000),
            Say::picture(1_900),
            Say::picture(9_000),
        ],
    );
    assert_eq!(script.call(request()).await.unwrap().status(), 200);
    assert_eq!(script.elapsed().as_secs(), 2_000);
}
