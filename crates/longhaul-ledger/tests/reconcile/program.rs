//! The command line.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use longhaul::{Class, billing::Record, policy::Policy};
use longhaul_ledger::Location;
use longhaul_sim::log::Log;
use longhaul_testing::unprivileged;
use serde_json::Value;

use crate::{
    books::{Book, PROVIDER},
    logs::{answered, attempt, charge, log_of},
};

fn records() -> [Record; 2] {
    [
        answered(0.0, 90.0, Class::Delivered, "one"),
        attempt(400.0, 60.0, Class::UnknownOutcome),
    ]
}

struct Desk {
    book: Book,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn with(log: &Log) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pages: Vec<_> = log.pages(100);
        fs::write(
            folder.path().join("log.json"),
            serde_json::to_vec(&pages).unwrap(),
        )
        .unwrap();
        Self {
            book: Book::sqlite(&records()).await,
            folder,
        }
    }

    /// What a dry run says that `program` makes, told of the ledger at `place`.
    fn dry_run(&self, mut program: Command, place: &str) -> Value {
        let output = program
            .current_dir(self.folder.path())
            .args(["reconcile", "--provider", PROVIDER, "--month", "2026-01"])
            .args(["log.json", "--dry-run", "--json", "--ledger", place])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same of the run that writes.
    fn real_run(&self) -> Value {
        let output = self.run(&["log.json", "--json"]);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["counts"]["new"], 2, "{found}");
        found["dry_run"] = true.into();
        found
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_longhaul-ledger"))
            .current_dir(self.folder.path())
            .env("LONGHAUL_LEDGER", self.book.place())
            .args(["reconcile", "--provider", PROVIDER, "--month", "2026-01"])
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_exit_code_tells_whether_log_and_ledger_differ() {
    let whole = log_of(vec![charge(0, 90, "one"), charge(400, 85, "two")]);
    let desk = Desk::with(&whole).await;
    let agreed = desk.run(&["log.json"]);
    assert_eq!(agreed.status.code(), Some(0), "{}", text(&agreed.stderr));
    assert!(
        text(&agreed.stdout).contains("0.48 USD"),
        "{}",
        text(&agreed.stdout)
    );
    assert_eq!(desk.book.count("verdicts").await, 2);

    let slow = log_of(vec![charge(0, 181, "one")]);
    let desk = Desk::with(&slow).await;
    let differing = desk.run(&[
        "log.json",
        "--time-zone",
        "Asia/Shanghai",
        "--priors",
        "priors.toml",
    ]);
    assert_eq!(
        differing.status.code(),
        Some(3),
        "{}",
        text(&differing.stderr)
    );
    let table = text(&differing.stdout);
    for wanted in [
        "took longer than promised, on the provider's clock  2026-01-17T08:00:00.000+08:00",
        "not in the log, though it may have been charged     2026-01-17T08:06:40.000+08:00",
        "181.0 s  0.24 USD",
    ] {
        assert!(table.contains(wanted), "{wanted:?} is not in\n{table}");
    }
    let priors = fs::read_to_string(desk.folder.path().join("priors.toml")).unwrap();
    assert_eq!(
        Policy::from_toml(&priors)
            .unwrap()
            .billing
            .charge_rules
            .len(),
        2
    );

    let again = desk.run(&["log.json", "--json", "--dry-run"]);
    assert_eq!(again.status.code(), Some(3));
    let found: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(found["counts"]["unchanged"], 2);
    assert_eq!(found["findings"][1]["kind"], "WithoutRow");
    assert_eq!(found["findings"][1]["amount"], "0.24 USD");
}

#[tokio::test]
async fn reconcile_says_what_it_did() {
    let desk = Desk::with(&log_of(vec![charge(0, 181, "one")])).await;
    for redirection in ["> /dev/full", "| true"] {
        // The shell tells the code of what it runs first.
        let line = format!(
            "{{ \"$BIN\" reconcile --provider {PROVIDER} --month 2026-01 log.json; echo $? > code; }} {redirection}"
        );
        Command::new("sh")
            .args(["-c", &line])
            .current_dir(desk.folder.path())
            .env("BIN", env!("CARGO_BIN_EXE_longhaul-ledger"))
            .env("LONGHAUL_LEDGER", desk.book.store.location().to_string())
            .status()
            .unwrap();
        let code = fs::read_to_string(desk.folder.path().join("code")).unwrap();
        let written = desk.book.count("verdicts").await;
        // Whoever reads nothing may have had room for all of it in the pipe.
        let truly = match code.trim() {
            "1" => written == 0,
            "3" => written > 0,
            _ => false,
        };
        assert!(truly, "{redirection}: {code} with {written} verdicts");
        if redirection == "> /dev/full" {
            assert_eq!(code, "1\n");
        }
    }
}

/// A file that its owner alone may write, in a folder that its owner alone may write.
#[tokio::test]
async fn a_dry_run_needs_no_right_to_write_a_file() {
    let desk = Desk::with(&log_of(vec![charge(0, 181, "one")])).await;
    let Location::Sqlite(file) = desk.book.store.location() else {
        unreachable!("it was made as a file");
    };
    let folder = file.parent().unwrap();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let program = unprivileged(env!("CARGO_BIN_EXE_longhaul-ledger").as_ref(), folder);
    allow(file, 0o444);
    allow(folder, 0o555);
    allow(desk.folder.path(), 0o755);
    let found = desk.dry_run(program, file.to_str().unwrap());
    allow(folder, 0o755);
    allow(file, 0o600);
    assert_eq!(desk.book.count("verdicts").await, 0);
    assert_eq!(found, desk.real_run());
}

/// A role that may select, and nothing else.
#[tokio::test]
async fn a_dry_run_needs_no_right_to_write_a_database() {
    let Some(book) = Book::postgres(&records()).await else {
        return;
    };
    let mut desk = Desk::with(&log_of(vec![charge(0, 181, "one")])).await;
    desk.book = book;
    let url = desk.book.reader().await;
    let found = desk.dry_run(Command::new(env!("CARGO_BIN_EXE_longhaul-ledger")), &url);
    assert_eq!(desk.book.count("verdicts").await, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-ledger"));
    let refused = command
        .current_dir(desk.folder.path())
        .args(["reconcile", "--provider", PROVIDER, "--month", "2026-01"])
        .args(["log.json", "--ledger", &url])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert_eq!(desk.book.count("verdicts").await, 0);
    assert_eq!(found, desk.real_run());
}

#[tokio::test]
async fn a_provider_that_is_unknown() {
    let desk = Desk::with(&log_of(vec![charge(0, 90, "one")])).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-ledger"));
    command
        .current_dir(desk.folder.path())
        .env("LONGHAUL_LEDGER", desk.book.store.location().to_string())
        .args([
            "reconcile",
            "log.json",
            "--month",
            "2026-01",
            "--provider",
            "relya",
        ]);
    let refused = command.output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(
        said.contains("\"relya\"") && said.contains(PROVIDER),
        "{said}"
    );
    assert_eq!(desk.book.count("verdicts").await, 0);
}

#[tokio::test]
async fn a_bad_file_is_told_by_its_line_and_changes_nothing() {
    let desk = Desk::with(&log_of(vec![charge(0, 90, "one")])).await;
    fs::write(
        desk.folder.path().join("bad.json"),
        "{\"data\": [\n{\"type\": 2,}]}",
    )
    .unwrap();
    let refused = desk.run(&["log.json", "bad.json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        text(&refused.stderr),
        "longhaul-ledger: bad.json, line 2, column 12: trailing comma; nothing of the file was taken\n"
    );
    assert_eq!(refused.stdout, b"");
    assert_eq!(desk.book.count("verdicts").await, 0);

    for (arguments, wanted) in [
        (&["log.json", "--format", "csv"][..], "--map"),
        (&["log.json", "--skew", "soon"], "--skew"),
        (&["none.json"], "none.json cannot be read"),
        (
            &["log.json", "--map", "map.toml"],
            "--map is for --format csv",
        ),
        (&["log.json", "--partial", "--whole"], "--whole"),
    ] {
        let refused = desk.run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&refused.stderr).contains(wanted),
            "{}",
            text(&refused.stderr)
        );
    }
}
