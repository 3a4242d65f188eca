//! What the program says to people.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use longhaul::{Class, OperationId, billing::Opening};
use longhaul_ledger::{DurableLedger, Location};
use longhaul_testing::unprivileged;
use tempfile::TempDir;

use crate::support::{Ledger, Run, delivered, on_both, program};

#[tokio::test]
async fn rules_default_with_the_variable() {
    let ledger = Ledger::sqlite().await;
    let run = ledger.run(&["claims", "--rules-default"]).ok();
    assert!(run.stdout.contains("[[providers]]"), "{run:?}");
}

on_both! {
    async fn empty_says_so(ledger: Ledger) {
        for arguments in [&["list"][..], &["report"], &["claims"]] {
            let run = ledger.run(arguments);
            assert_eq!((run.code, &*run.stdout), (3, ""), "{run:?}");
            assert!(run.stderr.contains("the ledger is empty"), "{arguments:?}: {run:?}");
        }
        ledger.add(&delivered(1, "2025-11-17T01:00:00Z")).await;
        ledger.add(&delivered(2, "2025-12-17T01:00:00Z")).await;
        ledger.add(&delivered(3, "2026-03-17T01:00:00Z")).await;
        let months = "the ledger has attempts of 2025-11 to 2025-12, 2026-03";
        for arguments in [
            &["list", "--month", "2026-01"][..],
            &["report", "--month", "2026-01"],
            &["claims", "--month", "2026-01"],
        ] {
            let run = ledger.run(arguments);
            assert_eq!(run.code, 3, "{run:?}");
            assert!(run.stderr.contains("in 2026-01"), "{arguments:?}: {run:?}");
            assert!(run.stderr.contains(months), "{arguments:?}: {run:?}");
        }
        let run = ledger.run(&["report"]);
        assert!(run.stderr.contains("no attempts in 20"), "it names its month: {run:?}");
        let run = ledger.run(&["list", "--provider", "relay.exmaple.com"]);
        assert!(run.stderr.contains("but relay.example.com"), "{run:?}");
    }
}

#[tokio::test]
async fn times_need_their_offset() {
    let ledger = Ledger::sqlite().await;
    ledger.add(&delivered(1, "2026-03-29T01:30:00Z")).await;
    for (time, code) in [
        ("2026-03-29T02:30:00", 2),
        ("2026-03-29T02:30:00[Europe/Berlin]", 2),
        ("2026-03-29 02:30", 2),
        ("20260329", 2),
        ("2026-03-29", 0),
        ("2026-03-29T02:30:00+02:00", 0),
    ] {
        let run = ledger.run(&["list", "--time-zone", "Europe/Berlin", "--from", time]);
        assert_eq!(run.code, code, "{time}: {run:?}");
    }
    for month in ["2026-1", "2026-03-01", "26-03", "2026-13"] {
        let run = ledger.run(&["list", "--month", month]);
        assert_eq!(run.code, 2, "{month}: {run:?}");
    }
}

#[tokio::test]
async fn narrow_terminal() {
    let ledger = Ledger::sqlite().await;
    let long = "gemini-3-pro-image-preview-of-a-model-with-a-name-that-does-not-end";
    for operation in 0..3 {
        let row = delivered(operation, "2026-01-17T01:00:00Z").model(long);
        ledger.add(&row.ended(Class::Undelivered)).await;
    }
    for arguments in [
        &["list"][..],
        &["report", "--month", "2026-01"],
        &["claims"],
        &["claims", "--each"],
        &["check"],
    ] {
        for columns in [80_usize, 40] {
            let mut command = program();
            command.args(arguments).env("LONGHAUL_LEDGER", ledger.url());
            let run = Run::of(
                command
                    .env("COLUMNS", columns.to_string())
                    .output()
                    .unwrap(),
            )
            .ok();
            let widest = run.stdout.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(columns), "{arguments:?}: {run:?}");
            assert!(run.stdout.lines().count() >= 2, "{arguments:?}: {run:?}");
        }
        // A file has room for all.
        let run = ledger.run(arguments).ok();
        assert!(!run.stderr.contains("no room for"), "{run:?}");
    }
    let run = ledger.run(&["list"]).ok();
    assert!(run.stdout.contains(long), "{run:?}");
}

#[tokio::test]
async fn a_later_row_that_is_wider_fits_a_narrow_terminal_too() {
    let ledger = Ledger::sqlite().await;
    // As many as decide which columns there are, and one behind them.
    ledger.add_alike(1000).await;
    let long = "gemini-3-pro-image-preview-of-a-model-with-a-name-that-does-not-end";
    ledger
        .add(&delivered(1, "2026-01-18T01:00:00Z").model(long))
        .await;
    for columns in [80_usize, 100] {
        let mut command = program();
        command
            .args(["list", "--limit", "2000"])
            .env("LONGHAUL_LEDGER", ledger.url())
            .env("COLUMNS", columns.to_string());
        let run = Run::of(command.output().unwrap()).ok();
        assert_eq!(run.stdout.lines().count(), 1002);
        let last = run.stdout.lines().last().unwrap();
        assert!(last.contains('…'), "{last}");
        assert!(last.chars().count() <= columns, "{last}");
    }
}

on_both! {
    async fn terminal_is_safe(ledger: Ledger) {
        let row = delivered(1, "2026-01-17T01:00:00Z")
            .model("\u{1b}[2J\u{9b}31mred\u{202e}")
            .at("relay\u{1b}]0;title\u{7}");
        ledger.add(&row.ended(Class::Undelivered)).await;
        let operation = "00000000-0000-0000-0000-000000000001";
        for arguments in [
            &["list"][..],
            &["show", operation],
            &["report", "--month", "2026-01"],
            &["claims"],
            &["claims", "--each"],
            &["list", "--provider", "\u{1b}[2J"],
        ] {
            let run = ledger.run(arguments);
            let shown = format!("{}{}", run.stdout, run.stderr);
            let steers = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
            assert!(!shown.contains(steers), "{arguments:?}: {shown:?}");
        }
        let run = ledger.run(&["list"]).ok();
        assert!(run.stdout.contains("\\u{1b}[2J\\u{9b}31mred\\u{202e}"), "{run:?}");
    }

    async fn sums_of_large_prices(ledger: Ledger) {
        for operation in 0..3 {
            let row = delivered(operation, "2026-01-17T01:00:00Z").price(Some((i64::MAX, "USD")));
            ledger.add(&row.ended(Class::Undelivered)).await;
        }
        ledger.add_running_priced(9, i64::MAX).await;
        ledger.add_running_priced(10, i64::MAX).await;
        let sum = (3 * i128::from(i64::MAX)).to_string();
        let claims = ledger.run(&["claims", "--json"]).ok();
        assert!(claims.stdout.contains(&format!("\"amount_micros\":{sum}")), "{claims:?}");
        assert!(ledger.run(&["claims"]).ok().stdout.contains("27670116110564.327421"));
        let report = ledger.run(&["report", "--month", "2026-01", "--json"]).ok();
        assert!(report.stdout.contains(&format!("\"possible_micros\":{sum}")), "{report:?}");
        let two = (2 * i128::from(i64::MAX)).to_string();
        assert!(report.stdout.contains(&format!("\"USD\":{two}")), "{report:?}");
        ledger.run(&["report", "--month", "2026-01"]).ok();
    }

    async fn a_word_of_a_newer_version_is_shown_as_it_is(ledger: Ledger) {
        for operation in 0..3 {
            let row = delivered(operation, "2026-01-17T01:00:00Z").ended(Class::NoImage);
            ledger.add(&row).await;
        }
        ledger.execute("UPDATE attempts SET class = 'Teleported' WHERE operation = \
             (SELECT operation FROM attempts ORDER BY operation LIMIT 1)").await;
        let run = ledger.run(&["list"]).ok();
        assert_eq!(run.stdout.lines().count(), 4, "{run:?}");
        assert!(run.stdout.contains("Teleported"), "{run:?}");
        assert!(run.stderr.contains("`class`") && run.stderr.contains("entry 0"), "{run:?}");
        let run = ledger.run(&["list", "--json"]).ok();
        assert_eq!(run.lines()[0]["columns"]["class"], "Teleported");
        let run = ledger.run(&["claims", "--json"]).ok();
        assert_eq!(run.json()["claims"][0]["claims"], 2);
        assert!(run.stderr.contains("1 attempts are not understood"), "{run:?}");
        let run = ledger.run(&["export"]).ok();
        assert_eq!(run.stdout.lines().count(), 3, "{run:?}");
        ledger.run(&["report", "--month", "2026-01"]).ok();
    }
}

#[test]
fn password_in_a_refused_url() {
    let url = "mysql://user:SECRETPW@db.example.com/spend?password=SECRETPW";
    for set_by_variable in [false, true] {
        let mut command = program();
        command.arg("list");
        if set_by_variable {
            command.env("LONGHAUL_LEDGER", url);
        } else {
            command.args(["--ledger", url]);
        }
        let run = Run::of(command.output().unwrap());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(!run.stderr.contains("SECRETPW"), "{run:?}");
        assert!(run.stderr.contains("mysql"), "{run:?}");
    }
}

/// What somebody says of the ledger in `folder` who may write nothing in it.
fn reader(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = unprivileged(env!("CARGO_BIN_EXE_longhaul-ledger").as_ref(), folder);
    let file = folder.join("spend.db");
    allow(folder, 0o555);
    let run = command.args(arguments).arg("--ledger").arg(file).output();
    allow(folder, 0o755);
    Run::of(run.unwrap())
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn reading_needs_no_right_to_write() {
    let ledger = Ledger::sqlite().await;
    let row = delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered);
    ledger.add(&row).await;
    ledger.close().await;
    let folder = ledger.folder.path();
    allow(&folder.join("spend.db"), 0o444);
    for arguments in [
        &["list"][..],
        &["show", "00000000-0000-0000-0000-000000000001"],
        &["report", "--month", "2026-01"],
        &["claims"],
        &["export"],
        &["check"],
    ] {
        let run = reader(folder, arguments).ok();
        assert!(run.stdout.lines().count() >= 2, "{arguments:?}: {run:?}");
    }
    let names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

/// The log and its index are there, and cannot be written either.
#[tokio::test]
async fn an_unprivileged_reader_sees_what_a_living_writer_confirmed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spend.db");
    fs::write(&path, "").unwrap();
    allow(&path, 0o644);
    let ledger = DurableLedger::builder(Location::Sqlite(path));
    let ledger = ledger.open().await.unwrap();
    for number in 1..=3 {
        let operation = OperationId::from_u128(number);
        let (_slot, opened) = ledger.open_entry(Opening::new(operation, 1));
        opened.await.unwrap();
        let run = reader(folder.path(), &["list", "--json"]).ok();
        assert_eq!(run.lines().len(), number as usize, "{run:?}");
    }
    ledger.close().await.unwrap();
}
