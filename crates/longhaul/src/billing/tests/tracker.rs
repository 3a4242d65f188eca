//! When entries open and close.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_test::mock;

use super::script::{
    Durable, PRICE, SlowLedger, answering, call, only, policy, poll_times, request,
};
use crate::{
    attempt::{Attempt, OperationId},
    billing::{BillingCompensationTracker, MemoryLedger},
    error::ErrorKind,
    model::{Class, End, Phase},
};

#[tokio::test]
async fn dropped_at_every_poll_it_leaves_one_closed_entry() {
    let mut classes = Vec::new();
    for polls in 0.. {
        let ledger = SlowLedger::new(Durable::After(2));
        let call = call(answering(200), ledger.clone());
        let whole = async {
            let response = call.await.unwrap();
            response.into_body().collect().await.unwrap();
        };
        let done = poll_times(whole, polls);
        let closing = only(&ledger.memory);
        assert_eq!(ledger.lines("close"), 1);
        if done {
            assert_eq!(
                (closing.outcome.end, closing.outcome.class),
                (End::Finished, Class::Delivered)
            );
            break;
        }
        assert_eq!(closing.outcome.end, End::Cancelled);
        classes.push(closing.outcome.class);
    }
    assert_eq!(
        classes,
        [
            // The opening is on its way to the disk,
            Class::NeverSent,
            Class::NeverSent,
            Class::NeverSent,
            // the call is on its way (and nobody below can prove what left),
            Class::UnknownOutcome,
            Class::UnknownOutcome,
            // the body comes.
            Class::Undelivered,
            Class::Undelivered,
        ]
    );
}

#[tokio::test]
async fn a_dropped_body_closes_the_entry() {
    let ledger = MemoryLedger::new();
    let response = call(answering(200), ledger.clone()).await.unwrap();
    assert!(
        ledger.records()[0].is_open(),
        "a success is not over at its head"
    );
    drop(response);
    let closing = only(&ledger);
    assert_eq!(closing.outcome.end, End::Cancelled);
    assert_eq!(closing.outcome.class, Class::Undelivered);
    assert_eq!(closing.outcome.exposure.certain(), Some(PRICE));
}

/// What is below drops first, and its word counts.
#[tokio::test]
async fn what_the_dropped_service_says_comes_before_the_entry_closes() {
    struct SaysItWhenDropped(Attempt);

    impl Drop for SaysItWhenDropped {
        fn drop(&mut self) {
            self.0.finish(End::Cancelled, Class::SentPartial);
        }
    }

    let ledger = MemoryLedger::new();
    let inner = service_fn(|request: Request<Empty<Bytes>>| async move {
        let attempt = request.extensions().get::<Attempt>().unwrap().clone();
        let _guard = SaysItWhenDropped(attempt);
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    assert!(!poll_times(call(inner, ledger.clone()), 1));
    assert_eq!(only(&ledger).outcome.class, Class::SentPartial);
}

#[tokio::test]
async fn the_service_is_not_called_before_the_opening_is_durable() {
    let ledger = SlowLedger::new(Durable::After(3));
    let log = ledger.clone();
    let inner = service_fn(move |_: Request<Empty<Bytes>>| {
        log.log("call");
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("image"))) }
    });
    let response = call(inner, ledger.clone()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(
        *ledger.log.lock().unwrap(),
        ["open", "durable", "call", "close"]
    );
}

#[tokio::test]
async fn an_opening_that_never_becomes_durable_sends_nothing() {
    let ledger = SlowLedger::new(Durable::Never);
    assert!(!poll_times(
        call(service_fn(unreachable), ledger.clone()),
        100
    ));
    assert_eq!(*ledger.log.lock().unwrap(), ["open", "close"]);
    let closing = only(&ledger.memory);
    assert_eq!(closing.outcome.class, Class::NeverSent);
    assert_eq!(closing.outcome.exposure.possible(), Some(PRICE.zero()));
}

#[tokio::test]
async fn an_opening_that_fails_sends_nothing_and_says_why() {
    let ledger = SlowLedger::new(Durable::FailsAfter(1));
    let error = call(service_fn(unreachable), ledger.clone())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), &ErrorKind::Ledger);
    assert_eq!(error.class(), Class::NeverSent);
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "disk full");
    let closing = only(&ledger.memory);
    assert_eq!(
        (closing.outcome.end, closing.outcome.class),
        (End::Failed, Class::NeverSent)
    );
    // It is in no phase of sending.
    assert_eq!(error.phase(), Some(Phase::Connect), "{error}");
    assert_eq!(closing.outcome.phase, Phase::Connect);
}

type Never = std::future::Pending<Result<Response<Empty<Bytes>>, Infallible>>;

fn unreachable(_: Request<Empty<Bytes>>) -> Never {
    panic!("called before its entry is durable")
}

#[tokio::test]
async fn two_calls_make_two_entries() {
    let ledger = MemoryLedger::new();
    for _ in 0..2 {
        let response = call(answering(200), ledger.clone()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let records = ledger.records();
    assert_eq!(records.len(), 2);
    assert_ne!(records[0].opening.operation, records[1].opening.operation);
    assert!(records.iter().all(|record| record.opening.attempt == 1));
}

#[tokio::test]
async fn attempts_share_an_operation_and_stale_handles_do_not_count() {
    let ledger = MemoryLedger::new();
    let mut tracker =
        BillingCompensationTracker::new(answering(200), policy(), ledger.clone()).unwrap();
    let operation = OperationId::new();
    for number in [1, 2, 2] {
        let mut request = request();
        let attempt = Attempt::new(operation, number, None);
        if ledger.records().len() == 2 {
            attempt.finish(End::Finished, Class::NoImage);
        }
        request.extensions_mut().insert(attempt);
        let tracker = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut tracker)
            .await
            .unwrap();
        let response = tracker.call(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let numbers = |operation| {
        let records = ledger.operation(operation);
        records
            .iter()
            .map(|record| record.opening.attempt)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(operation), [1, 2]);
    let stale = &ledger.records()[2];
    assert_ne!(stale.opening.operation, operation);
    assert_eq!(
        stale.closing.as_ref().unwrap().outcome.class,
        Class::Delivered
    );
}

/// `tower_test`'s mock panics when one is called that was not ready, as a fresh clone is not.
#[tokio::test]
async fn the_readied_service_is_the_one_that_is_called() {
    let ledger = SlowLedger::new(Durable::After(1));
    let (mut tracker, mut handle) =
        mock::spawn_with::<Request<Empty<Bytes>>, Response<Full<Bytes>>, _, _>(|inner| {
            BillingCompensationTracker::new(inner, policy(), ledger.clone()).unwrap()
        });
    handle.allow(1);
    assert!(tracker.poll_ready().is_ready());
    let answer = tokio::spawn(tracker.call(request()));
    let (request, respond) = handle.next_request().await.unwrap();
    assert!(request.extensions().get::<Attempt>().is_some());
    // The clone that took its place waits for a place of its own.
    assert!(tracker.poll_ready().is_pending());
    respond.send_response(Response::new(Full::default()));
    answer.await.unwrap().unwrap();
    assert_eq!(only(&ledger.memory).outcome.class, Class::Delivered);
}

#[tokio::test]
#[should_panic = "`billing::ResponseFuture` polled after completion"]
async fn polled_after_completion_it_panics() {
    let mut tracker =
        BillingCompensationTracker::new(answering(200), policy(), MemoryLedger::new()).unwrap();
    let tracker = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut tracker)
        .await
        .unwrap();
    let mut call = Box::pin(tracker.call(request()));
    drop((&mut call).await);
    drop(call.await);
}

#[test]
fn futures_are_send_where_their_parts_are() {
    fn assert_send<T: Send>(_: T) {}
    let mut tracker =
        BillingCompensationTracker::new(answering(200), policy(), MemoryLedger::new()).unwrap();
    assert_send(tracker.call(request()));
}
