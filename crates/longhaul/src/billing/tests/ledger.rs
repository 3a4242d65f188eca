use std::sync::Arc;

use super::script::{Durable, PRICE, SlowLedger};
use crate::{
    attempt::{Attempt, OperationId},
    billing::{Closing, Entry, Ledger, MemoryLedger, MemorySlot, Opening, Slot},
    model::{Class, Currency, End, Money},
};

fn open(ledger: &MemoryLedger, operation: OperationId, price: Option<Money>) -> Entry<MemorySlot> {
    let attempt = Attempt::new(operation, 1, None);
    attempt.set_price(price, None, None);
    let mut opening = Opening::new(operation, 1);
    opening.price = price;
    ledger.open(&attempt, opening).0
}

#[tokio::test]
async fn an_entry_that_is_dropped_closes() {
    let ledger = Arc::new(SlowLedger::new(Durable::Never));
    let attempt = Attempt::new(OperationId::new(), 1, None);
    let (entry, opened) = ledger.open(&attempt, Opening::new(attempt.operation(), 1));
    assert!(ledger.memory.records()[0].is_open());
    drop((opened, entry));
    assert_eq!(*ledger.log.lock().unwrap(), ["open", "close"]);
    assert_eq!(attempt.outcome_now().unwrap().class, Class::NeverSent);
}

/// A slot that cannot be closed.
struct Panics;

impl Slot for Panics {
    fn close(self, _: Closing) {
        panic!("of a ledger")
    }
}

#[tokio::test]
async fn a_slot_that_panics_ends_neither_call_nor_process() {
    let attempt = Attempt::new(OperationId::new(), 1, None);
    let mut entry = Entry::armed(&attempt, Panics);
    entry.settle(End::Finished, Class::Delivered);
    assert_eq!(attempt.outcome_now().unwrap().class, Class::Delivered);
    let entry = Entry::armed(&Attempt::new(OperationId::new(), 2, None), Panics);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _entry = entry;
        panic!("of a caller");
    }));
    assert!(unwound.is_err());
}

#[tokio::test]
async fn an_entry_closes_with_the_outcome_that_its_attempt_has() {
    let ledger = MemoryLedger::new();
    let entry = open(&ledger, OperationId::new(), Some(PRICE));
    let outcome = entry
        .attempt()
        .finish(End::Superseded, Class::UnknownOutcome);
    entry.close();
    assert_eq!(
        ledger.records()[0].closing.as_ref().unwrap().outcome,
        outcome
    );
}

#[tokio::test]
async fn totals_keep_certain_possible_unknown_and_currencies_apart() {
    let ledger = MemoryLedger::new();
    let eur = Money {
        micros: 7,
        currency: "EUR".parse().unwrap(),
    };
    for (class, price) in [
        (Class::Delivered, Some(PRICE)),
        (Class::UnknownOutcome, Some(PRICE)),
        (Class::Overloaded, Some(PRICE)),
        (Class::NoImage, Some(eur)),
        (Class::Delivered, None),
        (Class::NeverSent, None),
    ] {
        let mut entry = open(&ledger, OperationId::new(), price);
        entry.settle(End::Finished, class);
    }
    // An attempt that runs may be charged.
    let running = open(&ledger, OperationId::new(), Some(PRICE));

    let totals = ledger.totals();
    assert_eq!(totals.amounts.len(), 2);
    let usd = totals.in_currency(Currency::USD).unwrap();
    assert_eq!((usd.certain, usd.possible), (PRICE, PRICE.times(3)));
    let in_eur = totals.in_currency(eur.currency).unwrap();
    assert_eq!((in_eur.certain, in_eur.possible), (eur, eur));
    assert_eq!(totals.unknown, 1);
    drop(running);
    assert_eq!(
        ledger.totals().in_currency(Currency::USD).unwrap().possible,
        PRICE.times(2)
    );
}

#[tokio::test]
async fn operations_are_drained_whole_once_nothing_of_them_runs() {
    let ledger = MemoryLedger::new();
    let (done, half) = (OperationId::new(), OperationId::new());
    for operation in [done, half] {
        open(&ledger, operation, None).close();
    }
    let running = open(&ledger, half, None);

    let drained = ledger.drain();
    assert_eq!(drained.len(), 1);
    assert_eq!(drained[0].opening.operation, done);
    assert_eq!(ledger.operation(half).len(), 2);
    running.close();
    assert_eq!(ledger.drain().len(), 2);
    assert!(ledger.records().is_empty());
}

#[tokio::test]
async fn entries_are_written_out_for_people_and_programs() {
    let ledger = MemoryLedger::new();
    open(&ledger, OperationId::new(), Some(PRICE)).settle(End::Finished, Class::Delivered);
    let mut record = ledger.records().remove(0);
    let closing = record.closing.as_mut().unwrap();
    closing.status = Some(http::StatusCode::OK);
    closing.http_version = Some(http::Version::HTTP_11);
    record.opening.opened_at = std::time::SystemTime::UNIX_EPOCH;

    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["opening"]["opened_at"], "1970-01-01T00:00:00.000Z");
    assert_eq!(json["opening"]["price"], "0.24 USD");
    assert_eq!(json["closing"]["class"], "Delivered");
    assert_eq!(json["closing"]["status"], 200);
    assert_eq!(json["closing"]["http_version"], "HTTP/1.1");
    assert!(serde_json::to_value(ledger.totals()).unwrap()["amounts"]["USD"].is_object());
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_delays_no_call_past_its_deadline() {
    use crate::{
        attempt::Deadline,
        billing::{BillingCompensationTrackerLayer, BillingPolicy},
    };
    use std::time::Duration;
    use tower::{Layer, ServiceExt};

    let ledger = Arc::new(SlowLedger::new(Durable::Never));
    let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone());
    let mut request = super::script::request();
    let limit = Duration::from_secs(300);
    request.extensions_mut().insert(Deadline::after(limit));
    let began = tokio::time::Instant::now();
    let client = layer.unwrap().layer(super::script::answering(200));
    let error = client.oneshot(request).await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 300);
    assert_eq!(error.class(), Class::NotBegun);
    assert_eq!(ledger.lines("close"), 1);
}
