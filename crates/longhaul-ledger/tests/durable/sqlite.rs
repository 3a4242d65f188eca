//! One writer per file.

use std::fs;

use longhaul_ledger::{LedgerErrorKind, Location, recover};

use crate::support::*;

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_the_first_is() {
    let place = Place::sqlite();
    let first = place
        .builder()
        .name("the first")
        .open()
        .await
        .expect("it can be opened");
    for error in [
        place
            .builder()
            .open()
            .await
            .map(drop)
            .expect_err("one writer per file"),
        recover(place.location())
            .await
            .map(drop)
            .expect_err("its entries are not lost"),
    ] {
        let LedgerErrorKind::InUse { by, .. } = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(*by, format!("the first, process {}", std::process::id()));
    }
    first.close().await.expect("it is durable");
    place.open().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_said_to_be_locked() {
    use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

    let place = Place::sqlite();
    let patience = std::time::Duration::from_secs(4);
    let ledger = place.builder().patience(patience).open().await;
    let ledger = ledger.expect("it can be opened");
    deliver(&ledger).await;
    ledger.flush().await.expect("it is durable");
    let options = SqliteConnectOptions::new().filename(place.path());
    let mut holder = SqliteConnection::connect_with(&options)
        .await
        .expect("it is there");
    holder
        .execute("BEGIN IMMEDIATE")
        .await
        .expect("nobody has it");
    assert_eq!(refused(&ledger).await, LedgerErrorKind::Locked);
    holder.execute("ROLLBACK").await.expect("it has it");
    holder.close().await.expect("it is ours");
    while ledger.flush().await.is_err() {}
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
}

#[tokio::test]
async fn the_same_file_by_another_name_is_the_same_ledger() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let Location::Sqlite(path) = place.location() else {
        unreachable!("it is a file");
    };
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(path, &link).expect("there is room for a link");
    let error = Place::at(link.to_str().expect("it is text"))
        .builder()
        .open()
        .await
        .map(drop);
    assert!(matches!(
        error.expect_err("it is in use").kind(),
        LedgerErrorKind::InUse { .. }
    ));
    drop(ledger);
}

#[tokio::test]
async fn where_there_is_no_ledger_nothing_is_recovered_or_made() {
    let place = Place::sqlite();
    let error = recover(place.location()).await.expect_err("there is none");
    let Location::Sqlite(path) = place.location() else {
        unreachable!("it is a file");
    };
    let folder = path.parent().expect("it lies in a folder");
    assert!(
        matches!(error.kind(), LedgerErrorKind::Missing { .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), 0);
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_its_name() {
    let zero = std::time::Duration::ZERO;
    let place = Place::sqlite();
    for (builder, name) in [
        (place.builder().lease(zero), "lease"),
        (place.builder().patience(zero), "patience"),
        (place.builder().held(0), "held"),
    ] {
        let error = builder.open().await.map(drop).expect_err("it cannot work");
        assert!(
            matches!(error.kind(), LedgerErrorKind::Setting { name: found, .. } if found == name),
            "{error}"
        );
    }
    let error = Place::at("/no/such/folder/spend.db")
        .builder()
        .open()
        .await
        .map(drop);
    assert!(
        error
            .expect_err("there is no folder")
            .to_string()
            .contains("/no/such/folder")
    );
}
