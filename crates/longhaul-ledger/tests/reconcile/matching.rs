//! What is found, case by case.

use longhaul::{Class, Money};
use longhaul_ledger::{
    LedgerErrorKind,
    reconcile::{Coverage, FindingKind as Kind, LogFormat, ProviderLog},
};
use longhaul_sim::log::{REFUNDED, Row};

use crate::{
    books::{Book, at},
    logs::{PRICE, answered, attempt, brief, charge, file, log_of, options, reconcile},
};

#[tokio::test]
async fn each_kind_of_discrepancy_is_named_with_its_amount() {
    let records = [
        answered(0.0, 90.0, Class::Delivered, "fine"),
        answered(200.0, 5.0, Class::Overloaded, "free"),
        answered(400.0, 90.0, Class::Delivered, "gone"),
        answered(600.0, 90.0, Class::Delivered, "dear"),
        answered(800.0, 190.0, Class::Delivered, "slow"),
        answered(1100.0, 90.0, Class::NoImage, "twice"),
        answered(1300.0, 90.0, Class::NoImage, "back"),
        attempt(1500.0, 60.0, Class::UnknownOutcome),
        attempt(1700.0, 60.0, Class::UnknownOutcome),
        attempt(1900.0, 1.0, Class::NeverSent),
    ];
    let log = log_of(vec![
        charge(0, 90, "fine"),
        charge(200, 5, "free"),
        Row {
            quota: PRICE / 2 + 5000,
            ..charge(600, 90, "dear")
        },
        charge(800, 181, "slow"),
        charge(1100, 90, "twice"),
        charge(1100, 91, "twice"),
        charge(1300, 90, "back"),
        Row {
            kind: REFUNDED,
            ..charge(1400, 0, "back")
        },
        charge(1501, 85, "unseen"),
        charge(5000, 70, "foreign"),
        Row {
            kind: REFUNDED,
            ..charge(6000, 0, "foreign too")
        },
    ]);
    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log, &options()).await;
    assert_eq!(
        brief(&found.findings),
        [
            (Kind::ChargedThoughFree, Some(PRICE)),
            (Kind::NotCharged, Some(PRICE)),
            (Kind::WithoutRow, Some(PRICE)),
            (Kind::AmountDiffers, Some(10_000)),
            (Kind::ChargedTwice, Some(2 * PRICE)),
            (Kind::TookTooLong, Some(PRICE)),
            (Kind::WithoutAttempt, Some(PRICE)),
            (Kind::CreditWithoutAttempt, Some(PRICE)),
        ],
        "{found:#?}"
    );
    let counts = found.counts;
    assert_eq!(
        (counts.by_request_id, counts.by_time, counts.by_group),
        (6, 1, 0)
    );
    assert_eq!((counts.absent, counts.pending, counts.new), (3, 0, 10));
    let sums = found.amounts["USD"];
    assert_eq!(
        (sums.charged, sums.credited),
        (9 * PRICE + 10_000, 2 * PRICE)
    );
    assert_eq!((sums.without_attempt, sums.without_row), (PRICE, 2 * PRICE));
    assert_eq!(sums.found, 8 * PRICE + 10_000);
}

#[tokio::test]
async fn a_call_without_a_row_is_free_once_the_log_has_settled() {
    let records = [
        attempt(-90.0, 30.0, Class::UnknownOutcome),
        attempt(10.0, 60.0, Class::UnknownOutcome),
        attempt(86_400.0 * 6.0 - 61.0, 60.0, Class::UnknownOutcome),
        attempt(86_400.0 * 6.0 - 59.0, 60.0, Class::UnknownOutcome),
    ];
    let book = Book::sqlite(&records).await;
    let log = log_of(vec![charge(50_000, 70, "foreign")]);
    let mut options = options();
    options.covers = Some(at(0.0)..at(86_400.0 * 7.0));
    options.dry_run = true;
    let found = reconcile(&book, &log, &options).await;
    assert_eq!((found.counts.absent, found.counts.pending), (2, 2));
    assert_eq!(found.amounts["USD"].pending, 2 * PRICE);

    options.coverage = Coverage::Part;
    let found = reconcile(&book, &log, &options).await;
    assert_eq!((found.counts.absent, found.counts.pending), (0, 4));
    assert_eq!(
        brief(&found.findings),
        [(Kind::WithoutAttempt, Some(PRICE))]
    );
}

#[tokio::test]
async fn a_log_with_fewer_rows_than_its_total_is_refused() {
    let book = Book::sqlite(&[attempt(10.0, 60.0, Class::UnknownOutcome)]).await;
    let log = log_of(
        (0..250)
            .map(|number| charge(5000 + number * 100, 70, &format!("row {number}")))
            .collect(),
    );
    // What the provider gives where 1,000 rows a page are asked for.
    let page = log.page(1, 1000);
    assert_eq!(page.data.items.len(), 100);
    let error =
        longhaul_ledger::reconcile::reconcile(&book.store, file(&[page]), &options(), |_| {})
            .await
            .unwrap_err();
    let LedgerErrorKind::File {
        file: name, why, ..
    } = error.kind()
    else {
        panic!("{error}")
    };
    assert_eq!(name, "log.ndjson");
    assert!(
        why.starts_with("the log has 250 rows by its own `total`, and 100 are here"),
        "{why}"
    );
    assert_eq!(
        book.count("verdicts").await + book.count("imports").await,
        0
    );

    // The first pages of two months are not the pages of one.
    let other = log_of(
        (0..150)
            .map(|number| charge(50_000 + number * 100, 70, &format!("more {number}")))
            .collect(),
    );
    let pages = [log.page(1, 100), other.page(1, 100)];
    let error =
        longhaul_ledger::reconcile::reconcile(&book.store, file(&pages), &options(), |_| {}).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn pages_may_come_in_any_order_in_several_files_and_twice() {
    let log = log_of(
        (0..250)
            .map(|number| charge(number * 100, 70, &format!("row {number}")))
            .collect(),
    );
    let book = Book::sqlite(&[]).await;
    for order in [
        &[1, 2, 3][..],
        &[3, 1, 2],
        &[1, 2, 2, 3],
        &[2, 1, 3, 1],
        &[1, 2, 3, 2],
    ] {
        let mut files = ProviderLog::new(LogFormat::new_api());
        for page in order {
            let text = serde_json::to_string_pretty(&log.page(*page, 100)).unwrap();
            files
                .add(&format!("page{page}.json"), text.as_bytes())
                .unwrap();
        }
        let mut options = options();
        options.dry_run = true;
        let found = longhaul_ledger::reconcile::reconcile(&book.store, files, &options, |_| {})
            .await
            .unwrap();
        assert!(found.whole, "{order:?}");
        assert_eq!(found.counts.rows, 250);
        let again: usize = order
            .iter()
            .map(|page| if *page == 3 { 50 } else { 100 })
            .sum();
        assert_eq!(found.duplicates.len(), again - 250, "{order:?}");
    }
}

#[tokio::test]
async fn a_burst_is_charged_where_all_its_amounts_are_equal() {
    let records: Vec<_> = (0..20)
        .map(|number| {
            attempt(
                100.0 + f64::from(number) / 50.0,
                60.0,
                Class::IntermediaryCut,
            )
        })
        .collect();
    let rows: Vec<_> = (0..20)
        .map(|number| charge(100, 80 + number, &format!("row {number}")))
        .collect();

    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log_of(rows.clone()), &options()).await;
    assert_eq!(found.findings, []);
    assert_eq!((found.counts.by_group, found.counts.new), (20, 20));
    assert_eq!(found.amounts["USD"].found, 20 * PRICE);

    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log_of(rows[1..].to_vec()), &options()).await;
    assert_eq!(
        brief(&found.findings),
        [(Kind::Ambiguous, Some(19 * PRICE))]
    );
    assert_eq!(
        (
            found.findings[0].attempts.len(),
            found.findings[0].rows.len()
        ),
        (20, 19)
    );
    assert_eq!(book.count("verdicts").await, 0);

    let mut dear = rows;
    dear[0].quota += 1;
    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log_of(dear), &options()).await;
    assert_eq!(
        brief(&found.findings),
        [(Kind::Ambiguous, Some(20 * PRICE + 2))]
    );
}

#[tokio::test]
async fn calls_joined_by_id_set_the_clocks_and_show_a_wrong_zone() {
    let mut records: Vec<_> = (0..9)
        .map(|number| {
            answered(
                f64::from(number) * 100.0,
                60.0,
                Class::Delivered,
                &format!("id-{number}"),
            )
        })
        .collect();
    records.push(attempt(1000.0, 60.0, Class::UnknownOutcome));
    let mut log = log_of(
        (0..9)
            .map(|number| charge(number * 100, 60, &format!("id-{number}")))
            .collect(),
    );
    log.rows.push(charge(1000, 80, "unseen"));
    log.skew(-80);
    let book = Book::sqlite(&records).await;
    let found = reconcile(&book, &log, &options()).await;
    assert_eq!((found.skew_us, found.skew_samples), (-80_000_000, 9));
    assert_eq!((found.counts.by_request_id, found.counts.by_time), (9, 1));
    assert_eq!(found.findings, []);

    log.skew(8 * 3600);
    let book = Book::sqlite(&records).await;
    let error = longhaul_ledger::reconcile::reconcile(
        &book.store,
        file(&log.pages(100)),
        &options(),
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(
        error.to_string().contains("28720 s from ours, by 9 calls"),
        "{error}"
    );
    let mut given = options();
    given.skew_us = Some((8 * 3600 - 80) * 1_000_000);
    let found = reconcile(&book, &log, &given).await;
    assert_eq!((found.counts.by_request_id, found.counts.by_time), (9, 1));
}

#[tokio::test]
async fn amounts_in_several_currencies_are_never_added() {
    let mut yen = answered(0.0, 60.0, Class::Delivered, "yen");
    yen.opening.price = Some(Money {
        micros: 36_000_000,
        currency: "JPY".parse().unwrap(),
    });
    let book = Book::sqlite(&[yen]).await;
    let found = reconcile(&book, &log_of(vec![charge(0, 60, "yen")]), &options()).await;
    // The whole charge, since there is no difference between the two.
    assert_eq!(brief(&found.findings), [(Kind::AmountDiffers, Some(PRICE))]);
    assert_eq!(found.amounts["JPY"].expected, 36_000_000);
    assert_eq!(found.amounts["USD"].found, PRICE);
    assert_eq!(found.amounts["USD"].expected, 0);
}
