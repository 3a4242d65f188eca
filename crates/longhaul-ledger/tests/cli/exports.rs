use std::{fs, process::Stdio};

use longhaul::Class;
use serde_json::json;

use crate::support::{Ledger, REQUEST_ID, delivered, on_both, program};

/// The states of all claims, in the order of opening.
fn states(ledger: &Ledger, rules: &[&str]) -> Vec<String> {
    let lines = ledger
        .run(&[&["claims", "--each", "--json"], rules].concat())
        .lines();
    lines
        .iter()
        .map(|claim| claim["state"].as_str().unwrap().to_owned())
        .collect()
}

on_both! {
    async fn a_claim_is_exported_once_and_then_answered(ledger: Ledger) {
        let first = ledger.add(&delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered)).await.to_string();
        let second = ledger.add(&delivered(2, "2026-01-18T01:00:00Z").ended(Class::NoImage)).await.to_string();
        ledger.add(&delivered(3, "2026-01-19T01:00:00Z")).await;
        let unanswered = ledger.run(&["claims", "--credited", &first]);
        assert_eq!(unanswered.code, 2, "nothing was exported: {unanswered:?}");
        assert_eq!(ledger.run(&["export", "--dry-run"]).ok().stdout.lines().count(), 3);
        assert_eq!(states(&ledger, &[]), ["Eligible", "Eligible"]);
        let folder = ledger.folder.path().join("out");
        let out = folder.display().to_string();
        let export = ["export", "--out", &out, "--month", "2026-01"];
        ledger.run(&export).ok();
        let file = folder.join("claims-relay.example.com-2026-01.csv");
        let exported = fs::read(&file).unwrap();
        assert_eq!(states(&ledger, &[]), ["Exported", "Exported"]);
        assert_eq!(ledger.run(&export).code, 3, "nothing is left to export");
        ledger.run(&["claims", "--credited", &first]).ok();
        // One that was never exported: nothing changes.
        let unknown = "00000000-0000-7000-8000-000000000009";
        assert_eq!(ledger.run(&["claims", "--denied", &second, unknown]).code, 2);
        assert_eq!(states(&ledger, &[]), ["Credited", "Exported"]);
        ledger.run(&["claims", "--denied", &second]).ok();
        assert_eq!(states(&ledger, &[]), ["Credited", "Denied"]);
        // What was paid is not asked for again, and no file is written over.
        ledger.run(&[&export[..], &["--again"]].concat()).ok();
        assert_eq!(states(&ledger, &[]), ["Credited", "Exported"]);
        assert_eq!(fs::read(&file).unwrap(), exported);
        let further = fs::read_to_string(folder.join("claims-relay.example.com-2026-01-2.csv")).unwrap();
        assert!(further.contains(&second) && !further.contains(&first), "{further}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        let report = ledger.run(&["report", "--month", "2026-01", "--json"]).ok().json();
        assert_eq!(report["totals"][0]["credited_micros"], 50_000);
    }

    async fn a_claim_is_overdue_after_settlement_and_credited_by_the_log(ledger: Ledger) {
        let rules = ledger.folder.path().join("rules.toml");
        fs::write(&rules, "[[providers]]\nprovider = '*'\ntime_zone = 'UTC'\nsettlement = '1ms'\n[providers.undelivered]\n").unwrap();
        let rules = rules.display().to_string();
        let rules = ["--rules", &rules];
        let entry = ledger.add(&delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered)).await;
        ledger.run(&[&["export", "--mark"], &rules[..]].concat()).ok();
        assert_eq!(states(&ledger, &rules), ["Overdue"]);
        ledger.log(entry, 50_000, 50_000, "USD", None).await;
        assert_eq!(states(&ledger, &rules), ["Credited"]);
    }

    async fn a_row_has_the_evidence_and_runs_no_formula(ledger: Ledger) {
        let row = delivered(1, "2026-01-17T01:00:00Z").at("api.apiyi.com").model("=cmd|'/c calc'!A0");
        let entry = ledger.add(&row.ended(Class::Undelivered)).await;
        ledger.log(entry, 60_000, 0, "USD", Some(120)).await;
        let exported = ledger.run(&["export", "--dry-run", "--json"]).ok().json();
        for (column, expected) in [
            ("opened_at", json!("2026-01-17T09:00:00.000+08:00")),
            ("model", json!("=cmd|'/c calc'!A0")),
            ("resolution_asked", json!("K4")),
            ("pictures_delivered", json!(1)),
            ("seconds", json!(101.0)),
            ("provider_seconds_logged", json!(120.0)),
            ("provider_log_id", json!("row-1")),
            ("request_ids", json!(format!("x-request-id: {REQUEST_ID}"))),
            ("idempotency_key", json!("key-1")),
            ("http_status", json!(200)),
            ("class", json!("Undelivered")),
            ("price", json!("0.05")),
            ("claimed", json!("0.06")),
            ("claimed_currency", json!("USD")),
        ] {
            assert_eq!(exported[column], expected, "{column}");
        }
        let table = ledger.run(&["export", "--dry-run"]).ok().stdout;
        let mut table = csv::Reader::from_reader(table.as_bytes());
        let column = table.headers().unwrap().iter().position(|name| name == "model").unwrap();
        let row = table.records().next().unwrap().unwrap();
        assert_eq!(&row[column], "'=cmd|'/c calc'!A0");
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_exported() {
    let ledger = Ledger::sqlite().await;
    ledger
        .add(&delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered))
        .await;
    let file = ledger.folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let run = ledger.run(&["export", "--out", &file.display().to_string()]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("none counts as exported"), "{run:?}");
    assert_eq!(states(&ledger, &[]), ["Eligible"]);
}

/// A reader who has enough is no failure.
#[tokio::test]
async fn a_broken_pipe_is_tolerated() {
    let ledger = Ledger::sqlite().await;
    for operation in 0..2000 {
        ledger
            .add(&delivered(operation, "2026-01-17T01:00:00Z"))
            .await;
    }
    let path = ledger.folder.path().join("spend.db");
    let mut child = program()
        .args(["list", "--json", "--limit", "2000", "--ledger"])
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert!(ended.status.success());
}
