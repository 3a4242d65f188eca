//! A call is dropped at any of its polls: while its entry is on its way to the disk, while it runs, while it is read.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::{BodyExt, Full};
use longhaul::{Stack, billing::PriceRow, policy::Policy};
use longhaul_ledger::{DurableLedger, Location, store::Filter};
use longhaul_sim::{Provider, Weight};
use longhaul_workspace::disagreements;
use tower::{Layer, ServiceExt};

use crate::scene::SPEED;

/// More than a call has.
const POLLS: usize = 64;

/// Polls so many times, and then drops; whether it came to its end before.
async fn polled(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        // Whoever has to wake it gets the time to.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn dropped_after_any_poll_it_has_one_closed_entry_that_agrees() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Sqlite(folder.path().join("ledger.db"));
    let ledger = DurableLedger::builder(location)
        .open()
        .await
        .expect("a new file");
    let provider = Provider::builder()
        .speed(SPEED)
        .image_weight(Weight::Tiny)
        .generation(Duration::from_secs(5))
        .build()
        .expect("a speed that can be used");
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        longhaul::Money::usd_micros(240_000),
    )];
    policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
    let policy = policy.scaled(1.0 / SPEED).expect("a factor above zero");
    let stack = Stack::new(policy)
        .expect("it can work")
        .with_ledger(ledger.clone());

    let mut ended = false;
    for polls in 0..POLLS {
        let request = Request::post("https://api.example/v1/images/generations")
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(
                r#"{"model":"nano-banana-pro","prompt":"a cat","size":"4096x4096"}"#,
            ))
            .expect("a valid request");
        let call = stack.layer(provider.clone()).oneshot(request);
        let read = async { call.await.map(|answer| answer.into_body().collect()) };
        ended |= polled(read, polls).await;
    }
    assert!(ended, "with {POLLS} polls a call comes to its end");

    provider.oracle().settled().await;
    ledger.flush().await.expect("there is room");
    let stored = ledger
        .store()
        .records(&Filter::default())
        .await
        .expect("a ledger");
    let records: Vec<_> = stored.into_iter().map(|stored| stored.record).collect();
    assert!(records.iter().all(|record| !record.is_open()));
    assert_eq!(
        disagreements(&records, &provider.oracle().entries()),
        [""; 0]
    );
    ledger.close().await.expect("it is written");
}
