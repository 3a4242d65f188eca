//! What is written down, on either store.

use longhaul::{Class, billing::Record, policy::Policy};
use longhaul_ledger::{
    Store,
    reconcile::{Basis, Reconciliation, prepare},
    store::Filter,
};
use longhaul_sim::log::{Log, REFUNDED, Row};

use crate::{
    books::{Book, PROVIDER, Written},
    logs::{PRICE, answered, attempt, charge, log_of, options, reconcile},
};

fn records() -> Vec<Record> {
    vec![
        answered(0.0, 90.0, Class::Delivered, "one"),
        answered(200.0, 90.0, Class::Undelivered, "two"),
        attempt(400.0, 60.0, Class::UnknownOutcome),
        attempt(600.0, 60.0, Class::UnknownOutcome),
    ]
}

fn log() -> Log {
    log_of(vec![
        charge(0, 90, "one"),
        charge(200, 89, "two"),
        charge(400, 88, "three"),
    ])
}

async fn verdicts(book: &Book, store: &Store) -> Vec<Option<Written>> {
    let mut verdicts = Vec::new();
    for stored in store.records(&Filter::default()).await.unwrap() {
        verdicts.push(book.verdict(stored.id).await);
    }
    verdicts
}

fn written(
    charged: i64,
    log_id: Option<&str>,
    seconds: Option<i64>,
    basis: Basis,
) -> Option<Written> {
    Some(Written {
        charged,
        credited: 0,
        log_id: log_id.map(str::to_owned),
        duration_us: seconds.map(|seconds| seconds * 1_000_000),
        basis: basis.name().to_owned(),
    })
}

/// New, corrected, unchanged.
fn changes(found: &Reconciliation) -> (u64, u64, u64) {
    (
        found.counts.new,
        found.counts.corrected,
        found.counts.unchanged,
    )
}

async fn verdicts_replace_priors(book: Book) {
    let mut dry = options();
    dry.dry_run = true;
    let tried = reconcile(&book, &log(), &dry).await;
    assert_eq!(
        book.count("verdicts").await + book.count("imports").await,
        0
    );

    let found = reconcile(&book, &log(), &options()).await;
    assert_eq!(changes(&found), (4, 0, 0));
    assert_eq!(
        (&tried.counts, &tried.priors),
        (&found.counts, &found.priors)
    );
    let expected = [
        written(PRICE, Some("one"), Some(90), Basis::RequestId),
        written(PRICE, Some("two"), Some(89), Basis::RequestId),
        written(PRICE, Some("three"), Some(88), Basis::Time),
        written(0, None, None, Basis::Absence),
    ];
    assert_eq!(verdicts(&book, &book.store).await, expected);

    // The same again changes nothing.
    let again = reconcile(&book, &log(), &options()).await;
    assert_eq!(changes(&again), (0, 0, 4));
    assert_eq!(
        (&again.findings, &again.priors),
        (&found.findings, &found.priors)
    );
    assert_eq!(book.count("imports").await, 1);

    // A later log has the row that was missing, and gives one back.
    let mut later = log();
    later.rows.push(charge(600, 85, "late"));
    later.rows.push(Row {
        kind: REFUNDED,
        ..charge(5000, 0, "two")
    });
    let found = reconcile(&book, &later, &options()).await;
    assert_eq!(changes(&found), (0, 2, 2));
    assert_eq!(found.corrections.len(), 2);
    let late = &found.corrections[1];
    assert_eq!(
        (late.before.basis, late.after.basis),
        (Some(Basis::Absence), Some(Basis::Time))
    );
    assert_eq!(late.after.charged.micros, PRICE);

    // A still later one has only another refund, of a call that it does not hold.
    let refund = log_of(vec![Row {
        kind: REFUNDED,
        ..charge(432_000, 0, "one")
    }]);
    let mut later = options();
    later.coverage = longhaul_ledger::reconcile::Coverage::Part;
    later.covers = Some(crate::books::at(86_400.0 * 40.0)..crate::books::at(86_400.0 * 41.0));
    let found = reconcile(&book, &refund, &later).await;
    assert_eq!(changes(&found), (0, 1, 0));
    assert_eq!(found.findings, []);

    // And the first log once more takes none of it back.
    let found = reconcile(&book, &log(), &options()).await;
    assert_eq!(changes(&found), (0, 0, 4));
    let mut expected = expected;
    expected[3] = written(PRICE, Some("late"), Some(85), Basis::Time);
    for refunded in &mut expected[..2] {
        refunded.as_mut().unwrap().credited = PRICE;
    }
    assert_eq!(verdicts(&book, &book.store).await, expected);
}

#[tokio::test]
async fn verdicts_replace_priors_in_sqlite() {
    verdicts_replace_priors(Book::sqlite(&records()).await).await;
}

#[tokio::test]
async fn verdicts_replace_priors_in_postgresql() {
    if let Some(book) = Book::postgres(&records()).await {
        verdicts_replace_priors(book).await;
    }
}

/// So many attempts are read before progress is told for the first time.
const FIRST_PROGRESS: u32 = 1000;

async fn a_call_that_ends_while_it_is_read_is_read_once(book: Book) {
    let late = attempt(0.0, 60.0, Class::Delivered);
    let id = book.begin(&late).await;
    // What is read of one that ends after the running ones were read, and before the ended ones are.
    let soon = attempt(300.0, 60.0, Class::Delivered);
    let in_both = book.begin(&soon).await;
    book.close(in_both, &soon).await;
    let log = log_of(vec![charge(0, 60, "one"), charge(300, 60, "two")]);
    let log = crate::logs::file(&log.pages(100));
    let mut options = options();
    options.dry_run = true;
    let end = |looked_at| {
        if looked_at == u64::from(FIRST_PROGRESS) {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    book.close(id, &late).await;
                    book.forget_running(id).await;
                });
            });
        }
    };
    let prepared = prepare(&book.store, log, &options, end).await.unwrap();
    let found = prepared.found();
    assert_eq!(found.findings, []);
    assert_eq!(found.counts.by_time, 2);
    assert_eq!(found.counts.attempts, u64::from(FIRST_PROGRESS) + 2);
    assert_eq!(book.count("running").await, 1, "the other one ended");
}

/// Long before the others, with no row in the log; nothing was sent.
fn earlier() -> Vec<Record> {
    let seconds = |number| f64::from(number) - 10_000.0;
    (0..FIRST_PROGRESS)
        .map(|number| attempt(seconds(number), 1.0, Class::NeverSent))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_ends_while_it_is_read_is_read_once_in_sqlite() {
    a_call_that_ends_while_it_is_read_is_read_once(Book::sqlite(&earlier()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_ends_while_it_is_read_is_read_once_in_postgresql() {
    if let Some(book) = Book::postgres(&earlier()).await {
        a_call_that_ends_while_it_is_read_is_read_once(book).await;
    }
}

#[tokio::test]
async fn priors_estimated_from_verdicts_are_taken_by_a_policy() {
    let mut records: Vec<_> = (0..40)
        .map(|number| attempt(f64::from(number) * 100.0, 60.0, Class::UnknownOutcome))
        .collect();
    records.extend((0..5).map(|number| {
        let seconds = 10_000.0 + f64::from(number) * 100.0;
        answered(seconds, 5.0, Class::Overloaded, &format!("free-{number}"))
    }));
    // Within the settlement period, where only the charged ones have a verdict.
    records.extend((0..7).map(|number| {
        let seconds = 86_400.0 * 6.0 + f64::from(number) * 100.0;
        answered(seconds, 90.0, Class::NoImage, &format!("new-{number}"))
    }));
    let mut rows: Vec<_> = (0..10)
        .map(|number| charge(number * 400, 80, &format!("row {number}")))
        .collect();
    rows.push(charge(10_000, 5, "free-0"));
    rows.extend(
        (0..7).map(|number| charge(86_400 * 6 + number * 100, 89, &format!("new-{number}"))),
    );
    let book = Book::sqlite(&records).await;
    let mut options = options();
    options.covers = Some(crate::books::at(-60.0)..crate::books::at(86_400.0 * 7.0 - 3600.0));
    let found = reconcile(&book, &log_of(rows), &options).await;

    let estimates: Vec<_> = found
        .priors
        .iter()
        .map(|estimate| {
            (
                estimate.class,
                estimate.attempts,
                estimate.charged,
                estimate.permille,
            )
        })
        .collect();
    // (20 × 0 + 1000) / 25 and (20 × 900 + 10 × 1000) / 60.
    assert_eq!(
        estimates,
        [
            (Class::Overloaded, 5, 1, 40),
            (Class::UnknownOutcome, 40, 10, 467)
        ]
    );

    let policy = Policy::from_toml(&found.priors_toml()).unwrap();
    let rows: Vec<_> = found.priors.iter().map(|estimate| estimate.row()).collect();
    assert_eq!(policy.billing.charge_rules, rows);
    assert!(rows.iter().all(|row| row.provider == PROVIDER));
}

#[tokio::test]
async fn a_reconciliation_may_run_as_a_task_of_its_own() {
    let book = Book::sqlite(&records()).await;
    let store = book.store.clone();
    let task = tokio::spawn(async move {
        let log = crate::logs::file(&log().pages(100));
        longhaul_ledger::reconcile::reconcile(&store, log, &options(), |_| {}).await
    });
    assert_eq!(task.await.unwrap().unwrap().counts.new, 4);
}
