//! What has ended is removed, after it was written down elsewhere; what is open stays.

use std::fs;

use jiff::tz::TimeZone;
use longhaul::Class;
use longhaul_ledger::{Location, Store, claims::ClaimBook, month};

use crate::support::{Ledger, delivered, on_both};

on_both! {
    async fn a_month_is_pruned_but_for_what_is_open(ledger: Ledger) {
        let day = "2026-01-17T01:00:00Z";
        let settled = ledger.add(&delivered(1, day).ended(Class::Undelivered)).await.to_string();
        let exported = ledger.add(&delivered(2, day).ended(Class::Undelivered)).await.to_string();
        for operation in 3..50 {
            ledger.add(&delivered(operation, day)).await;
        }
        ledger.run(&["export", "--mark"]).ok();
        ledger.run(&["claims", "--credited", &settled]).ok();
        // A claim that is not exported yet, with the delivered attempt that makes it one.
        ledger.add(&delivered(50, day)).await;
        ledger.add(&delivered(50, day).attempt(2)).await;
        ledger.add_running(51, 1, day).await;
        ledger.add(&delivered(51, day).attempt(2)).await;
        ledger.add(&delivered(60, "2026-02-17T01:00:00Z")).await;
        let before = ledger.run(&["report", "--month", "2026-02", "--json"]).ok().stdout;

        let out = ledger.folder.path().join("archive");
        let prune = ["prune", "--month", "2026-01", "--json", "--out", &out.display().to_string()];
        let pruned = ledger.run(&prune).ok().json();
        // Open: the exported one, two of operation 50, two of operation 51.
        assert_eq!((&pruned["removed"], &pruned["kept"]), (&48.into(), &5.into()), "{pruned}");
        let left: Vec<_> = ledger.run(&["list", "--json"]).ok().lines();
        assert_eq!(left.len(), 6);
        assert!(left.iter().any(|stored| stored["id"] == exported));
        assert_eq!(ledger.run(&["report", "--month", "2026-02", "--json"]).ok().stdout, before);

        let file = out.join("attempts-2026-01.jsonl");
        let archive = fs::read_to_string(&file).unwrap();
        let archived: Vec<serde_json::Value> =
            archive.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(archived.len(), 48);
        assert_eq!(archived[0]["attempt"]["id"], settled);
        assert_eq!(archived[0]["claim"]["answer"], "Credited");

        // Again there is nothing to remove, and no file.
        assert_eq!(ledger.run(&prune).code, 3);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        assert!(ledger.run(&["check"]).ok().stdout.contains("altered"));
    }
}

#[tokio::test]
async fn a_month_that_has_not_ended_is_not_pruned() {
    let ledger = Ledger::sqlite().await;
    let out = ledger.folder.path().join("archive").display().to_string();
    for month in ["2199-01", "2026-1"] {
        let run = ledger.run(&["prune", "--month", month, "--out", &out]);
        assert_eq!(run.code, 2, "{run:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_archived_is_not_removed() {
    let ledger = Ledger::sqlite().await;
    ledger.add(&delivered(1, "2026-01-17T01:00:00Z")).await;
    let file = ledger.folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let run = ledger.run(&[
        "prune",
        "--month",
        "2026-01",
        "--out",
        &file.display().to_string(),
    ]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(ledger.run(&["list"]).ok().stdout.lines().count(), 2);
}

#[tokio::test]
async fn a_claim_of_an_attempt_that_ends_during_pruning_stays() {
    let Some(ledger) = Ledger::one_ended_and_one_running().await else {
        return;
    };
    let location: Location = ledger.url().parse().unwrap();
    let store = Store::create(&location).await.unwrap();
    let (book, january, zone) = (
        ClaimBook::default(),
        month("2026-01").unwrap(),
        TimeZone::UTC,
    );
    let archive = ledger.folder.path().join("archive");
    let pruned = store.prune(&book, january, &zone, &archive);
    let pruned = ledger.end_before_running_is_read(Class::Undelivered, pruned);
    let pruned = pruned.await.unwrap();
    assert_eq!((pruned.removed, pruned.kept), (1, 1));
}
