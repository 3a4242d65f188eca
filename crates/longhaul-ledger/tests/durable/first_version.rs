//! A ledger of the first version opens and reports the same sums.

use std::{collections::BTreeMap, fs};

use longhaul_ledger::{
    Filter, Period, Store,
    claims::{ClaimBook, ClaimState, summary},
};
use serde_json::Value;

use crate::support::*;

const FILE: &[u8] = include_bytes!("../data/first-version.db");
const REPORT: &str = include_str!("../data/first-version.report.json");
const CLAIMS: &str = include_str!("../data/first-version.claims.json");

async fn reports_the_same(store: &Store) {
    let then: Value = serde_json::from_str(REPORT).expect("it is JSON");
    let zone = jiff::tz::TimeZone::UTC;
    let month = Period::asked(Some("2026-11"), None, None, &zone);
    let month = month.expect("it is a month").expect("it was asked for");
    let report = store
        .report(&month, &Filter::default())
        .await
        .expect("it can be read");
    let now = serde_json::to_value(&report.rows).expect("it is data");
    let without_ratios = |rows: &Value| {
        let mut rows = rows.as_array().expect("they are rows").clone();
        for row in &mut rows {
            let row = row.as_object_mut().expect("it is a row");
            // It follows from two of the sums.
            row.remove("waste_ratio");
            // Nobody counted them then.
            assert!(row.remove("drafts_micros").is_none_or(|drafts| drafts == 0));
        }
        rows
    };
    assert_eq!(without_ratios(&now), without_ratios(&then["rows"]));
    let running = serde_json::to_value(&report.running).expect("it is data");
    assert_eq!(running, then["running"]);
    assert_eq!(report.unread, 0);

    // What was exported then may be overdue by now.
    type Sums = BTreeMap<(String, String, bool, String), (u64, i64)>;
    let sums = |rows: &Value| -> Sums {
        let mut sums = Sums::new();
        for row in rows.as_array().expect("they are rows") {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let is_open = ["Eligible", "Verify"].contains(&&*text("state"));
            let sum = sums
                .entry((text("provider"), text("rule"), is_open, text("currency")))
                .or_default();
            sum.0 += row["claims"].as_u64().expect("it is a number");
            sum.1 += row["amount_micros"].as_i64().expect("it is a number");
        }
        sums
    };
    let then: Value = serde_json::from_str(CLAIMS).expect("it is JSON");
    let found = store
        .claims(&ClaimBook::default(), &Filter::default())
        .await;
    let found = found.expect("they can be read").claims;
    let credited = found
        .iter()
        .filter(|claim| claim.state == ClaimState::Credited);
    assert_eq!(credited.count(), 2);
    let now = serde_json::to_value(summary(&found)).expect("it is data");
    assert_eq!(sums(&now), sums(&then["claims"]));
}

#[tokio::test]
async fn a_ledger_of_the_first_version_reports_the_same_sums() {
    let place = Place::sqlite();
    fs::write(place.path(), FILE).expect("there is room");
    let store = Store::open(place.location()).await.expect("it is a ledger");
    reports_the_same(&store).await;
    assert_eq!(store.open_tasks().await.expect("there are none"), []);
    drop(store);
    assert!(
        fs::read(place.path()).expect("it is there") == FILE,
        "a reader changes nothing"
    );

    // A writer brings it up to date; what ran then was lost meanwhile.
    let ledger = place.open().await;
    assert_eq!(ledger.recovered().len(), 2);
    let health = ledger.store().check().await.expect("it can be read");
    assert!(health.is_sound(), "{health:?}");
    assert_eq!((health.entries, health.with_checksum), (60, 0));
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
    let store = Store::open(place.location()).await.expect("it is a ledger");
    assert_eq!(
        store
            .records(&Filter::default())
            .await
            .expect("it can be read")
            .len(),
        61
    );
}
