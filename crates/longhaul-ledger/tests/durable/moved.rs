//! What lies under an open file: it is what was opened, or nothing is spent.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::{LedgerErrorKind, Location, Store, recover};

use crate::support::*;

/// Does `harm` to a ledger that is open, and sees that nothing is spent any more.
async fn refuses_after(harm: impl Fn(&Place)) {
    let place = Place::sqlite();
    let ledger = place.open().await;
    deliver(&ledger).await;
    let before = open(&ledger, opening(1)).await;
    harm(&place);
    for _ in 0..3 {
        let kind = refused(&ledger).await;
        assert!(matches!(kind, LedgerErrorKind::Moved { .. }), "{kind:?}");
    }
    before.close(closing(Class::Delivered));
    ledger
        .close()
        .await
        .expect_err("what is written would be lost");
}

#[tokio::test]
async fn file_deleted_while_it_runs() {
    refuses_after(|place| fs::remove_file(place.path()).expect("it is there")).await;
}

#[tokio::test]
async fn file_replaced_while_it_runs() {
    refuses_after(|place| {
        let copy = place.beside(".copy");
        fs::copy(place.path(), &copy).expect("there is room");
        fs::rename(copy, place.path()).expect("it is ours");
    })
    .await;
}

#[tokio::test]
async fn file_moved_away_while_it_runs() {
    refuses_after(|place| {
        let away = place.beside(".away");
        fs::rename(place.path(), &away).expect("it is ours");
        symlink(away, place.path()).expect("there is room for a link");
    })
    .await;
}

#[tokio::test]
async fn log_deleted_while_it_runs() {
    for ending in ["-wal", "-shm", ".lock"] {
        refuses_after(|place| fs::remove_file(place.beside(ending)).expect("it is there")).await;
    }
}

#[tokio::test]
async fn file_linked_while_it_runs() {
    refuses_after(|place| {
        fs::hard_link(place.path(), place.beside(".second")).expect("there is room for a link");
    })
    .await;
}

#[tokio::test]
async fn claims_are_not_written_into_a_deleted_file() {
    let place = Place::sqlite();
    let store = Store::create(place.location())
        .await
        .expect("there is room");
    fs::remove_file(place.path()).expect("it is there");
    let now = std::time::SystemTime::UNIX_EPOCH;
    let error = store
        .mark_exported(&[], now, false)
        .await
        .expect_err("it would be lost");
    assert!(
        matches!(error.kind(), LedgerErrorKind::Moved { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_lock_lets_nobody_in() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let living = open(&ledger, opening(1)).await;
    fs::remove_file(place.beside(".lock")).expect("it is there");
    for error in [
        place.builder().open().await.map(drop),
        recover(place.location()).await.map(drop),
    ] {
        let error = error.expect_err("somebody lives in it");
        assert!(
            matches!(error.kind(), LedgerErrorKind::InUse { .. }),
            "{error}"
        );
    }
    let kind = refused(&ledger).await;
    assert!(matches!(kind, LedgerErrorKind::Moved { .. }), "{kind:?}");
    drop(living);
}

#[tokio::test]
async fn lock_follows_no_link() {
    let place = Place::sqlite();
    let victim = place.beside(".victim");
    let lock = place.beside(".lock");
    let content = "what matters to somebody else\n";
    let links: [fn(&Path, &Path); 3] = [
        |victim, lock| symlink(victim, lock).expect("there is room for a link"),
        |victim, lock| fs::hard_link(victim, lock).expect("there is room for a link"),
        |victim, lock| {
            fs::copy(victim, lock).expect("there is room for a file");
        },
    ];
    for link in links {
        fs::write(&victim, content).expect("there is room");
        link(&victim, &lock);
        place
            .builder()
            .open()
            .await
            .map(drop)
            .expect_err("it is no lock");
        assert_eq!(fs::read_to_string(&victim).expect("it is there"), content);
        assert_eq!(fs::read_to_string(&lock).expect("it is there"), content);
        fs::remove_file(&lock).expect("it is ours");
    }
    place.open().await;
}

#[tokio::test]
async fn file_is_private() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    deliver(&ledger).await;
    for ending in ["", "-wal", "-shm", ".lock"] {
        let about = fs::metadata(place.beside(ending)).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o777, 0o600, "{ending:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_file_is_whole() {
    for _ in 0..20 {
        let place = Place::sqlite();
        let ledger = place.open().await;
        let store = ledger.store().clone();
        let mut slots = Vec::new();
        for _ in 0..20 {
            slots.push(open(&ledger, opening(1)).await);
        }
        store
            .records(&Default::default())
            .await
            .expect("it can be read");
        for slot in slots {
            slot.close(closing(Class::Delivered));
        }
        ledger.close().await.expect("it is durable");
        assert_eq!(place.names(), ["spend.db", "spend.db.lock"]);

        let alone = Place::sqlite();
        fs::copy(place.path(), alone.path()).expect("there is room");
        let store = Store::open(alone.location()).await.expect("it is a ledger");
        let found = store
            .records(&Default::default())
            .await
            .expect("it is whole");
        assert_eq!(ends(&found), vec![DELIVERED; 20]);
        // Who kept the store reads on.
        let kept = ledger.store().records(&Default::default()).await;
        assert_eq!(kept.expect("it can be read").len(), 20);
    }
}

/// The bytes of the file and of what lies beside it.
fn bytes(place: &Place) -> u64 {
    ["", "-wal", "-shm"]
        .iter()
        .filter_map(|ending| fs::metadata(place.beside(ending)).ok())
        .map(|about| about.size())
        .sum()
}

/// A disk of 20 MB holds more than a thousand attempts, each with its own two commits.
#[tokio::test]
async fn the_log_is_kept_small() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let mut most = 0;
    for _ in 0..1100 {
        deliver(&ledger).await;
        ledger.flush().await.expect("it is durable");
        most = most.max(bytes(&place));
    }
    assert!(most < 8 << 20, "{most} bytes");
}

/// Who reads slowly holds on to nothing that keeps the log from being put in order.
#[tokio::test]
async fn a_slow_reader_does_not_make_the_log_grow() {
    use futures_util::StreamExt as _;

    let place = Place::sqlite();
    let ledger = place.open().await;
    for _ in 0..20 {
        deliver(&ledger).await;
    }
    ledger.flush().await.expect("it is durable");
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let filter = Default::default();
    let mut slowly = store.scan(&filter);
    slowly
        .next()
        .await
        .expect("there are some")
        .expect("it can be read");
    let mut most = 0;
    for _ in 0..700 {
        deliver(&ledger).await;
        ledger.flush().await.expect("it is durable");
        most = most.max(bytes(&place));
    }
    assert!(most < 8 << 20, "{most} bytes");
    assert!(slowly.count().await >= 19);
}

#[tokio::test]
async fn a_link_to_a_file_is_the_file() {
    let place = Place::sqlite();
    place.open().await.close().await.expect("it is durable");
    let link = place.path().with_file_name("link.db");
    symlink(place.path(), &link).expect("there is room for a link");
    let ledger = Place::at(link.to_str().expect("it is text")).open().await;
    deliver(&ledger).await;
    ledger.close().await.expect("it is durable");
    let store = Store::open(&Location::Sqlite(place.path().to_owned())).await;
    let store = store.expect("it is a ledger");
    assert_eq!(
        store
            .records(&Default::default())
            .await
            .expect("it can be read")
            .len(),
        1
    );
    assert_eq!(place.names(), ["link.db", "spend.db", "spend.db.lock"]);
}
