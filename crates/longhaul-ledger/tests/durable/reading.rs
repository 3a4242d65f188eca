//! Reading reads: nothing is made and nothing is changed.

use std::fs;

use longhaul_ledger::{Access, LedgerErrorKind, Location, Store};
use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::support::*;

async fn another_programs(path: &std::path::Path, statements: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("there is room");
    database.execute(statements).await.expect("it is SQL");
    database.close().await.expect("it is ours");
}

#[tokio::test]
async fn reading_changes_a_foreign_database() {
    let place = Place::sqlite();
    for (name, statements) in [
        (
            "bookmarks.sqlite",
            "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')",
        ),
        ("marked.sqlite", "PRAGMA application_id = 7"),
        (
            "migrated.sqlite",
            "CREATE TABLE _sqlx_migrations (version BIGINT, description TEXT, installed_on TEXT, success BOOLEAN, \
             checksum BLOB, execution_time BIGINT); INSERT INTO _sqlx_migrations VALUES (1, '', '', 1, x'00', 1)",
        ),
    ] {
        let path = place.path().with_file_name(name);
        another_programs(&path, statements).await;
        let before = fs::read(&path).expect("it is there");
        let location = Location::Sqlite(path.clone());
        for access in [Access::Read, Access::Write, Access::Create] {
            let error = Store::open_with(&location, access, LONG)
                .await
                .expect_err("it is no ledger");
            assert!(
                matches!(error.kind(), LedgerErrorKind::NotALedger { .. }),
                "{name}: {error}"
            );
        }
        let builder = longhaul_ledger::DurableLedger::builder(location.clone());
        builder.open().await.map(drop).expect_err("it is no ledger");
        longhaul_ledger::recover(&location)
            .await
            .expect_err("it is no ledger");
        assert!(
            before == fs::read(&path).expect("it is there"),
            "{name} was changed"
        );
    }
}

#[tokio::test]
async fn an_empty_file_and_a_text_are_no_ledger() {
    let place = Place::sqlite();
    for content in [
        "",
        "Dear diary, today nothing happened at all, and nothing was paid for either.",
    ] {
        fs::write(place.path(), content).expect("there is room");
        let error = Store::open(place.location())
            .await
            .expect_err("it is no ledger");
        assert!(
            matches!(error.kind(), LedgerErrorKind::NotALedger { .. }),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(place.path()).expect("it is there"),
            content
        );
        assert_eq!(place.names(), ["spend.db"]);
    }
}

#[tokio::test]
async fn reading_leaves_no_file_behind() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
    let before = place.names();
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let read = async || {
        ends(
            &store
                .records(&Default::default())
                .await
                .expect("it can be read"),
        )
    };
    assert_eq!(read().await, [DELIVERED]);
    assert_eq!(place.names(), before);

    // Who holds on to it sees what is written later.
    let ledger = place.open().await;
    deliver(&ledger).await;
    ledger.flush().await.expect("it is durable");
    assert_eq!(read().await, [DELIVERED; 2]);
    ledger.close().await.expect("it is durable");
    assert_eq!(read().await, [DELIVERED; 2]);
}

/// Whoever reads while others come and go sees what was confirmed before it began, and nothing torn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_beside_writers_that_come_and_go() {
    const ROUNDS: usize = 20;
    let place = Place::sqlite();
    let ledger = place.open().await;
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
    let writers = tokio::spawn({
        let place = place.clone();
        async move {
            for _ in 0..ROUNDS {
                let ledger = place.open().await;
                for _ in 0..20 {
                    deliver(&ledger).await;
                }
                ledger.close().await.expect("it is durable");
            }
        }
    });
    let mut seen = 1;
    while !writers.is_finished() {
        let store = Store::open(place.location()).await.expect("it is a ledger");
        for _ in 0..3 {
            let found = store.records(&Default::default()).await;
            let found = found.expect("it can be read");
            assert!(found.len() >= seen, "{} after {seen}", found.len());
            assert!(found.iter().all(|stored| {
                let outcome = stored
                    .record
                    .closing
                    .as_ref()
                    .map(|closing| closing.outcome);
                outcome.is_none_or(|outcome| outcome.class == longhaul::Class::Delivered)
            }));
            seen = found.len();
        }
    }
    writers.await.expect("they wrote");
}

#[tokio::test]
async fn what_was_opened_to_read_is_not_written() {
    let place = Place::sqlite();
    place.open().await.close().await.expect("it is durable");
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let now = std::time::SystemTime::UNIX_EPOCH;
    let error = store
        .mark_exported(&[], now, false)
        .await
        .expect_err("it is to be read");
    assert_eq!(*error.kind(), LedgerErrorKind::ReadOnly);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_makes_no_tables_in_a_database() {
    let Some(place) = Place::postgres() else {
        return;
    };
    for access in [Access::Read, Access::Write] {
        let error = Store::open_with(place.location(), access, LONG)
            .await
            .expect_err("it is empty");
        assert!(
            matches!(error.kind(), LedgerErrorKind::NotALedger { .. }),
            "{error}"
        );
    }
    deliver(&place.open().await).await;
    Store::open(place.location()).await.expect("it is a ledger");
}
