//! Nothing is sent that the ledger has not written down for good.

use std::{
    future::{Pending, Ready, pending, ready},
    io,
    pin::pin,
    task::Poll,
    time::Duration,
};

use longhaul::{
    Attempt, BoxError, Class, End, ErrorKind, Stack,
    billing::{Entry, Ledger, MemoryLedger, MemorySlot, Opening},
    retry::StoppedBy,
};
use longhaul_sim::{Dialect, Provider};
use longhaul_testing::harness::exact;
use tokio::time::{Instant, timeout};
use tower::{Layer, Service};

use crate::calls::{picture, poll_once};

/// Entries are handed over, and never durable.
#[derive(Clone, Default)]
struct Stuck(MemoryLedger);

impl Ledger for Stuck {
    type Slot = MemorySlot;
    type Opened = Pending<Result<(), BoxError>>;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<MemorySlot>, Self::Opened) {
        (self.0.open(attempt, opening).0, pending())
    }
}

/// The disk is full.
#[derive(Clone, Default)]
struct Full(MemoryLedger);

impl Ledger for Full {
    type Slot = MemorySlot;
    type Opened = Ready<Result<(), BoxError>>;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<MemorySlot>, Self::Opened) {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        (self.0.open(attempt, opening).0, ready(Err(full.into())))
    }
}

fn stack<L: Ledger + Clone>(ledger: L) -> Stack<L> {
    Stack::new(exact(Default::default()))
        .unwrap()
        .with_ledger(ledger)
}

/// What the only entry of `ledger` says.
fn only(ledger: &MemoryLedger) -> (End, Class) {
    let records = ledger.records();
    assert_eq!(records.len(), 1);
    let outcome = records[0].closing.as_ref().unwrap().outcome;
    (outcome.end, outcome.class)
}

#[tokio::test(start_paused = true)]
async fn without_a_durable_opening_the_call_is_never_made() {
    let (ledger, provider) = (Stuck::default(), Provider::default());
    let mut client = stack(ledger.clone()).layer(provider.clone());
    let began = Instant::now();
    let mut call = pin!(client.call(picture(Dialect::OpenAi)));
    let before = timeout(Duration::from_secs(2_249), call.as_mut()).await;
    assert!(before.is_err());
    assert!(ledger.0.records()[0].is_open());

    // The operation's deadline is raced against the ledger as against every other wait.
    let error = call.await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 2_250);
    assert_eq!(error.class(), Class::NotBegun);
    let report = error.report().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Deadline);
    assert!(report.attempts().is_empty());
    assert_eq!(only(&ledger.0), (End::Failed, Class::NotBegun));
    assert!(provider.oracle().entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_fails_ends_the_operation_with_nothing_sent() {
    let (ledger, provider) = (Full::default(), Provider::default());
    let mut client = stack(ledger.clone()).layer(provider.clone());
    let error = client.call(picture(Dialect::Gemini)).await.err().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Ledger);
    assert_eq!(error.class(), Class::NeverSent);
    // The next attempt would meet the same full disk.
    let report = error.report().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Class);
    assert_eq!(report.attempts().len(), 1);
    assert_eq!(only(&ledger.0), (End::Failed, Class::NeverSent));
    assert!(provider.oracle().entries().is_empty());
}

/// The future can be polled before the entry is durable without anything below being called.
#[tokio::test(start_paused = true)]
async fn dropped_before_it_is_durable_an_opening_is_closed() {
    for polls in 0..4 {
        let (ledger, provider) = (Stuck::default(), Provider::default());
        let mut client = stack(ledger.clone()).layer(provider.clone());
        {
            let mut call = pin!(client.call(picture(Dialect::OpenAi)));
            for _ in 0..polls {
                assert!(matches!(poll_once(call.as_mut()).await, Poll::Pending));
            }
        }
        assert_eq!(ledger.0.records().len(), usize::from(polls > 0));
        assert!(ledger.0.records().iter().all(|record| !record.is_open()));
        assert!(provider.oracle().entries().is_empty());
    }
}
