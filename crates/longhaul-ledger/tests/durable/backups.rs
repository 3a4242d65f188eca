//! A copy is whole, also while others write.

use std::{fs, os::unix::fs::PermissionsExt as _};

use longhaul_ledger::{Location, Store};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_whole_while_others_write() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    for _ in 0..50 {
        deliver(&ledger).await;
    }
    ledger.flush().await.expect("it is durable");
    let writing = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            for _ in 0..200 {
                deliver(&ledger).await;
            }
        }
    });
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let copy = place.beside(".backup");
    store.backup(&copy).await.expect("there is room");
    writing.await.expect("it does not panic");
    assert_eq!(
        fs::metadata(&copy)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );

    let copied = Store::open(&Location::Sqlite(copy.clone()))
        .await
        .expect("it is a ledger");
    let health = copied.check().await.expect("it can be read");
    assert!(health.is_sound() && health.entries >= 50, "{health:?}");
    let before = fs::read(&copy).expect("it is there");
    store.backup(&copy).await.expect_err("it is there already");
    assert!(before == fs::read(&copy).expect("it is there"));
    // It can take the place of the other.
    drop(copied);
    let ledger = Place::at(copy.to_str().expect("it is text")).open().await;
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
}
