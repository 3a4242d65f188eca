//! A path is a path, whatever stands in it.

use std::path::{Path, PathBuf};

use longhaul_ledger::{DurableLedger, Location, Store};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use crate::support::*;

/// Writes two attempts into a ledger called `name`, one of them lost, and reads them back.
async fn is_one_file(folder: &Path, name: &str) {
    let path = folder.join(name);
    let location = Location::Sqlite(path.clone());
    let ledger = DurableLedger::builder(location.clone()).patience(LONG);
    let ledger = ledger
        .open()
        .await
        .unwrap_or_else(|error| panic!("{name:?}: {error}"));
    deliver(&ledger).await;
    std::mem::forget(open(&ledger, opening(1)).await);
    ledger.close().await.expect("it is durable");
    let lost = longhaul_ledger::recover(&location).await;
    assert_eq!(ends(&lost.expect("nobody writes")), [LOST], "{name:?}");

    let store = Store::open(&location).await;
    let store = store.unwrap_or_else(|error| panic!("{name:?}: {error}"));
    let found = store
        .records(&Default::default())
        .await
        .expect("it can be read");
    assert_eq!(ends(&found), [DELIVERED, LOST], "{name:?}");
    let lock = PathBuf::from(format!("{}.lock", path.display()));
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    names.sort();
    assert_eq!(names, [path.clone(), lock.clone()], "{name:?}");
    for path in [path, lock] {
        std::fs::remove_file(path).expect("it is ours");
    }
}

#[tokio::test]
async fn path_with_colon() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for name in ["spend:1.db", "file:spend.db", "http:spend.db"] {
        is_one_file(folder.path(), name).await;
    }
}

#[tokio::test]
async fn path_with_percent() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for name in ["a%20b.db", "100%.db", "%2e%2e.db"] {
        is_one_file(folder.path(), name).await;
    }
}

#[tokio::test]
async fn any_name_of_a_file_is_a_path() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for name in [
        ":memory:",
        "a?mode=memory",
        "a#b",
        "a b ",
        "größe 图.db",
        "'; --",
        "\\",
        "~",
    ] {
        is_one_file(folder.path(), name).await;
    }
    let mut runner = TestRunner::default();
    for _ in 0..32 {
        let name = "[^/\0]{1,40}"
            .new_tree(&mut runner)
            .expect("there are names")
            .current();
        if name != "." && name != ".." {
            is_one_file(folder.path(), &name).await;
        }
    }
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_refused_and_nothing_made() {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"spend\xff.db"));
    let error = DurableLedger::builder(Location::Sqlite(path))
        .open()
        .await
        .map(drop);
    let error = error.expect_err("SQLite has no name for it").to_string();
    assert!(error.contains("UTF-8"), "{error}");
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("it is there")
            .count(),
        0
    );
}
