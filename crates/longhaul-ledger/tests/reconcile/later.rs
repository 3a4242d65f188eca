//! What an earlier log said, beside a later one that does not speak of it.

use longhaul::Class;
use longhaul_ledger::reconcile::{Basis, Coverage, FindingKind as Kind};
use longhaul_sim::log::{REFUNDED, Row};

use crate::{
    books::{Book, at},
    logs::{PRICE, answered, attempt, brief, charge, log_of, options, reconcile},
};

#[tokio::test]
async fn what_an_earlier_log_decided_is_not_pending() {
    let records = [
        answered(0.0, 90.0, Class::Delivered, "charged"),
        attempt(200.0, 60.0, Class::UnknownOutcome),
    ];
    let book = Book::sqlite(&records).await;
    let log = log_of(vec![charge(0, 90, "charged")]);
    let found = reconcile(&book, &log, &options()).await;
    assert_eq!((found.counts.new, found.counts.absent), (2, 1));

    // The next log begins an hour later.
    let mut next = options();
    next.covers = Some(at(3600.0)..at(40.0 * 86_400.0));
    let log = log_of(vec![charge(7200, 90, "foreign")]);
    let found = reconcile(&book, &log, &next).await;
    assert_eq!((found.counts.pending, found.counts.unchanged), (0, 2));
    assert_eq!(found.amounts["USD"].pending, 0);
}

#[tokio::test]
async fn a_row_of_another_id_is_not_joined_to_a_call_known_by_id() {
    let book = Book::sqlite(&[answered(0.0, 90.0, Class::Delivered, "ours")]).await;
    let log = log_of(vec![charge(0, 90, "ours")]);
    reconcile(&book, &log, &options()).await;
    let stored = book.store.records(&Default::default()).await.unwrap();
    let before = book.verdict(stored[0].id).await;
    assert_eq!(before.as_ref().unwrap().basis, Basis::RequestId.name());

    // A part of a later export has only the row of somebody who called in the same second.
    let mut part = options();
    part.coverage = Coverage::Part;
    let dear = Row {
        quota: PRICE,
        ..charge(0, 90, "foreign")
    };
    let found = reconcile(&book, &log_of(vec![dear]), &part).await;
    assert_eq!(found.corrections, []);
    assert_eq!(
        brief(&found.findings),
        [(Kind::WithoutAttempt, Some(2 * PRICE))]
    );
    assert_eq!(book.verdict(stored[0].id).await, before);
}

#[tokio::test]
async fn what_comes_to_the_price_after_a_refund_is_no_finding() {
    let refund = |id, quota| Row {
        kind: REFUNDED,
        quota,
        ..charge(5000, 0, id)
    };
    let dear = |id, at| Row {
        quota: PRICE / 2 + 5000,
        ..charge(at, 90, id)
    };
    let half = |at| Row {
        quota: PRICE / 4,
        ..charge(at, 90, "halves")
    };
    let records = [
        answered(0.0, 91.0, Class::Delivered, "twice"),
        answered(200.0, 90.0, Class::Delivered, "dear"),
        answered(400.0, 90.0, Class::Delivered, "halves"),
        answered(600.0, 91.0, Class::Delivered, "thrice"),
        answered(800.0, 90.0, Class::Delivered, "still dear"),
    ];
    let log = log_of(vec![
        charge(0, 90, "twice"),
        charge(1, 90, "twice"),
        refund("twice", PRICE / 2),
        dear("dear", 200),
        refund("dear", 5000),
        half(400),
        half(401),
        charge(600, 90, "thrice"),
        charge(601, 90, "thrice"),
        charge(602, 90, "thrice"),
        refund("thrice", PRICE / 2),
        dear("still dear", 800),
        refund("still dear", 2000),
    ]);
    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log, &options()).await;
    assert_eq!(
        brief(&found.findings),
        [
            (Kind::AmountDiffers, Some(6000)),
            (Kind::ChargedTwice, Some(3 * PRICE)),
        ],
        "{found:#?}"
    );
}

#[tokio::test]
async fn a_log_of_a_month_that_runs_decides_nothing_of_today() {
    let now = std::time::SystemTime::try_from(jiff::Timestamp::now()).unwrap();
    let ago = |hours: f64| now.duration_since(at(0.0)).unwrap().as_secs_f64() - hours * 3600.0;
    let records = [
        attempt(ago(1.0), 60.0, Class::UnknownOutcome),
        attempt(ago(30.0), 60.0, Class::UnknownOutcome),
    ];
    let book = Book::sqlite(&records).await;
    let mut options = options();
    options.covers = Some(at(ago(72.0))..at(ago(-240.0)));
    let log = log_of(vec![charge(ago(60.0) as i64, 70, "foreign")]);
    let found = reconcile(&book, &log, &options).await;
    assert_eq!((found.counts.absent, found.counts.pending), (1, 1));
    assert_eq!(found.amounts["USD"].pending, PRICE);
}
