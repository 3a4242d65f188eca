//! What the program says is what it did.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use longhaul::Class;
use longhaul_ledger::{LedgerErrorKind, Location, Store, claims::ClaimBook};

use crate::support::{Ledger, Run, delivered, on_both, program};

/// How many claims are in which state.
fn states(ledger: &Ledger) -> Vec<String> {
    let lines = ledger.run(&["claims", "--each", "--json"]).lines();
    let state = |claim: &serde_json::Value| claim["state"].as_str().unwrap().to_owned();
    lines.iter().map(state).collect()
}

/// Runs the program as a shell does.
fn shell(ledger: &Ledger, line: &str) -> Run {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .env("BIN", env!("CARGO_BIN_EXE_longhaul-ledger"));
    Run::of(
        command
            .env("LONGHAUL_LEDGER", ledger.url())
            .output()
            .unwrap(),
    )
}

#[tokio::test]
async fn export_to_nowhere() {
    let ledger = Ledger::sqlite().await;
    let undelivered = delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered);
    ledger.add(&undelivered).await;
    for (line, code) in [
        ("\"$BIN\" export", 0),
        ("\"$BIN\" export >&-", 0),
        ("\"$BIN\" export --mark >&-", 1),
        ("\"$BIN\" export --mark > /dev/null", 1),
        ("\"$BIN\" export --mark > /dev/full", 1),
    ] {
        let run = shell(&ledger, line);
        assert_eq!(run.code, code, "{line}: {run:?}");
        assert_eq!(states(&ledger), ["Eligible"], "{line}");
        if code == 1 {
            assert!(
                run.stderr.contains("no claim counts as exported"),
                "{line}: {run:?}"
            );
        } else {
            assert!(
                run.stderr.contains("none counts as exported"),
                "{line}: {run:?}"
            );
        }
    }
    let run = shell(&ledger, "\"$BIN\" export --mark | cat").ok();
    assert_eq!(run.stdout.lines().count(), 2);
    assert_eq!(states(&ledger), ["Exported"]);
}

#[tokio::test]
async fn export_that_cannot_say_so_says_what_stands() {
    let ledger = Ledger::sqlite().await;
    let undelivered = delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered);
    ledger.add(&undelivered).await;
    let out = ledger.folder.path().join("out").display().to_string();
    let run = shell(&ledger, &format!("\"$BIN\" export --out {out} > /dev/full"));
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("1 claims are exported all the same"),
        "{run:?}"
    );
    assert_eq!(states(&ledger), ["Exported"]);
}

#[tokio::test]
async fn recover_that_cannot_say_so_says_what_stands() {
    let ledger = Ledger::sqlite().await;
    ledger.add_running(1, 1, "2026-01-17T01:00:00Z").await;
    let run = shell(&ledger, "\"$BIN\" recover > /dev/full");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr
            .contains("1 attempts were lost with their process"),
        "{run:?}"
    );
    assert_eq!(ledger.run(&["recover"]).ok().stdout, "");
}

on_both! {
    async fn another_export_at_the_same_time_is_no_wrong_argument(ledger: Ledger) {
        let undelivered = delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered);
        ledger.add(&undelivered).await;
        let location: Location = ledger.url().parse().unwrap();
        let store = Store::open_to_write(&location).await.unwrap();
        let found = store.claims(&ClaimBook::default(), &Default::default()).await.unwrap();
        let claims: Vec<_> = found.claims.iter().collect();
        let now = std::time::SystemTime::UNIX_EPOCH;
        store.mark_exported(&claims, now, false).await.unwrap();
        let out = ledger.folder.path().join("out");
        let format = longhaul_ledger::export::Format::Csv;
        for error in [
            store.mark_exported(&claims, now, false).await.unwrap_err(),
            store.export(&claims, &out, format, now, false).await.unwrap_err(),
        ] {
            assert_eq!(*error.kind(), LedgerErrorKind::Taken);
        }
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    }
}

/// The entries in all files of a folder, and the names of what is no such file.
fn exported(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("claims-") {
            others.push(name);
            continue;
        }
        let mut table = csv::Reader::from_path(&path).unwrap();
        entries.extend(table.records().map(|row| row.unwrap()[0].to_owned()));
    }
    entries.sort();
    (entries, others)
}

#[tokio::test]
async fn export_cut_off_leaves_nothing_behind() {
    let ledger = Ledger::sqlite().await;
    let out = ledger.folder.path().join("out");
    let mut all = BTreeSet::new();
    let mut random = fastrand::Rng::with_seed(12);
    for round in 0..12_u128 {
        for number in 0..40 {
            let operation = round * 1000 + number;
            let provider = ["relay.example.com", "api.apiyi.com"][number as usize % 2];
            let row = delivered(operation, "2026-01-17T01:00:00Z").at(provider);
            all.insert(ledger.add(&row.ended(Class::Undelivered)).await.to_string());
        }
        let mut child = program()
            .args(["export", "--out"])
            .arg(&out)
            .env("LONGHAUL_LEDGER", ledger.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_micros(random.u64(..60_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = ledger.run(&["export", "--out", &out.display().to_string()]);
    assert!(run.code == 0 || run.code == 3, "{run:?}");
    let (entries, others) = exported(&out);
    assert_eq!(others, [""; 0]);
    assert_eq!(entries, Vec::from_iter(all), "each once");
    assert!(
        states(&ledger)
            .iter()
            .all(|state| state == "Exported" || state == "Overdue")
    );
}

/// Before the marking it is undone, after it finished.
#[tokio::test]
async fn an_export_that_was_cut_off_is_undone_or_finished() {
    let ledger = Ledger::sqlite().await;
    let undelivered = delivered(1, "2026-01-17T01:00:00Z").ended(Class::Undelivered);
    ledger.add(&undelivered).await;
    let out = ledger.folder.path().join("out");
    for (number, state) in [(1_u128, "Writing"), (2, "Marked")] {
        let id = uuid::Uuid::from_u128(number);
        let workspace = out.join(format!(".export-{id}"));
        fs::create_dir_all(&workspace).unwrap();
        fs::write(
            workspace.join("claims-x-2026-01.csv"),
            format!("entry\n{state}\n"),
        )
        .unwrap();
        let folder = out.canonicalize().unwrap().display().to_string();
        ledger
            .execute(&format!(
                "INSERT INTO exports VALUES (x'{}', '{folder}', 0, '{state}')",
                id.simple()
            ))
            .await;
    }
    let run = ledger
        .run(&["export", "--out", &out.display().to_string()])
        .ok();
    assert!(run.stderr.contains("undid an export"), "{run:?}");
    assert!(
        run.stderr.contains("finished an export that was cut off"),
        "{run:?}"
    );
    let (entries, others) = exported(&out);
    assert_eq!((entries.len(), others), (2, Vec::new()));
    assert!(entries.contains(&"Marked".to_owned()), "{entries:?}");
}
