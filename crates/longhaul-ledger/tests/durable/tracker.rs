//! Nothing is sent before its entry is durable: the layer, the ledger, and a service that counts.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use longhaul::billing::{BillingCompensationTracker, BillingPolicy};
use longhaul_ledger::LedgerErrorKind;
use tokio::sync::Semaphore;
use tower::{ServiceExt as _, service_fn};

use crate::support::*;

on_both! {
    async fn nothing_is_sent_before_its_entry_is_durable(place: Place) {
        let commits = Arc::new(Semaphore::new(0));
        let ledger = place.builder().hold_commits(commits.clone()).open().await.expect("it can be opened");
        let sent = Arc::new(AtomicUsize::new(0));
        let provider = {
            let (sent, store) = (sent.clone(), ledger.store().clone());
            service_fn(move |_: Request<Empty<Bytes>>| {
                let (sent, store) = (sent.clone(), store.clone());
                async move {
                    sent.fetch_add(1, Ordering::SeqCst);
                    // Whoever kills the process now finds the entry.
                    let running = store.running().await.expect("it can be read");
                    assert_eq!(running.len(), 1);
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}")))
                }
            })
        };
        let tracker = BillingCompensationTracker::new(provider, BillingPolicy::default(), ledger.clone());
        let request = Request::post("https://relay.example.com/v1/images").body(Empty::new());
        let call = tracker.expect("the policy works").oneshot(request.expect("it is a request"));
        let call = tokio::spawn(call);

        // The writer stands before COMMIT; however often anything else runs, nothing may leave.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(sent.load(Ordering::SeqCst), 0);
        assert_eq!(records(&ledger).await, []);
        commits.add_permits(1);
        let response = call.await.expect("it does not panic").expect("it is answered");
        assert_eq!(sent.load(Ordering::SeqCst), 1);

        commits.add_permits(10);
        response.into_body().collect().await.expect("it is whole");
        ledger.flush().await.expect("it is durable");
        assert_eq!(ends(&records(&ledger).await), [DELIVERED]);
    }

    async fn an_opening_that_is_refused_sends_nothing(place: Place) {
        let ledger = place.open().await;
        ledger.close().await.expect("it is durable");
        let provider = service_fn(|_: Request<Empty<Bytes>>| async {
            panic!("it was sent");
            #[expect(unreachable_code, reason = "names the type")]
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let tracker = BillingCompensationTracker::new(provider, BillingPolicy::default(), ledger.clone());
        let request = Request::post("https://relay.example.com/v1/images").body(Empty::new());
        let call = tracker.expect("the policy works").oneshot(request.expect("it is a request"));
        let error = call.await.map(drop).expect_err("it is refused");
        let why = std::error::Error::source(&error).expect("it says why");
        assert_eq!(*kind(why), LedgerErrorKind::Closed);
    }
}
