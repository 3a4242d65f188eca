//! What is damaged is noticed, and told in numbers.

use std::fs;

use longhaul::{Class, billing::Slot as _};
use longhaul_ledger::{LedgerErrorKind, Scanned, Store, recover, recover_despite_damage};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::support::*;

/// A file with a log beside it, as a process leaves them that is killed: `attempts` of them are only in the log.
async fn left_behind(attempts: usize) -> Place {
    let place = Place::sqlite();
    let ledger = place.open().await;
    for _ in 0..attempts {
        deliver(&ledger).await;
        ledger.flush().await.expect("it is durable");
    }
    let left = Place::sqlite();
    for ending in ["", "-wal"] {
        fs::copy(place.beside(ending), left.beside(ending)).expect("there is room");
    }
    ledger.close().await.expect("it is durable");
    left
}

fn flip(path: &std::path::Path, byte: usize) {
    let mut bytes = fs::read(path).expect("it is there");
    bytes[byte] ^= 0x10;
    fs::write(path, bytes).expect("there is room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_noticed() {
    let place = left_behind(40).await;
    let log = place.beside("-wal");
    let size = fs::metadata(&log).expect("it is there").len();
    // In a page of a frame in the middle.
    let frame = 24 + 4096;
    let frames = (size as usize - 32) / frame;
    flip(&log, 32 + frames / 2 * frame + 2000);

    let store = Store::open(place.location()).await.expect("it can be read");
    let unread = store.unread_log();
    assert!(unread.is_damage(), "{unread:?}");
    let behind = (frames - frames / 2) as u64;
    assert!(
        unread.frames >= behind && unread.frames <= behind + 1,
        "{unread:?} of {frames}"
    );
    let health = store.check().await.expect("it can be read");
    assert!(!health.is_sound() && health.entries < 40, "{health:?}");

    // Nobody writes over it before somebody has looked.
    let error = place
        .builder()
        .open()
        .await
        .map(drop)
        .expect_err("it is damaged");
    let LedgerErrorKind::Damaged { what, .. } = error.kind() else {
        panic!("{error}");
    };
    assert!(
        what.contains(&format!("{} frames", unread.frames)),
        "{what}"
    );
    recover(place.location()).await.expect_err("it is damaged");
    let before = fs::read(&log).expect("it is there");
    recover_despite_damage(place.location())
        .await
        .expect("it goes on");
    let kept = fs::read(place.beside("-wal.damaged")).expect("it is kept");
    assert!(before == kept);
    place.open().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_breaks_off_is_no_damage() {
    let place = left_behind(10).await;
    let log = place.beside("-wal");
    let whole = fs::read(&log).expect("it is there");
    // The last transaction was perhaps never confirmed.
    fs::write(&log, &whole[..whole.len() - 3000]).expect("there is room");
    let store = Store::open(place.location()).await.expect("it can be read");
    assert!(!store.unread_log().is_damage(), "{:?}", store.unread_log());
    place.open().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_was_altered_is_found_by_its_checksum() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    let mut priced = opening(1);
    priced.price = Some(longhaul::Money::usd_micros(240_000));
    priced.model = Some("nano-banana-pro".into());
    open(&ledger, priced).await.close(closing(Class::Delivered));
    for _ in 0..50 {
        deliver(&ledger).await;
    }
    ledger.close().await.expect("it is durable");
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let health = store.check().await.expect("it can be read");
    assert!(health.is_sound(), "{health:?}");
    assert_eq!((health.entries, health.with_checksum), (51, 51));

    let bytes = fs::read(place.path()).expect("it is there");
    let needle = b"nano-banana-pro";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle);
    flip(place.path(), at.expect("the model stands in the file") + 3);
    let store = Store::open(place.location()).await.expect("it is a ledger");
    let health = store.check().await.expect("it can be read");
    assert_eq!(health.altered.len(), 1, "{health:?}");
    assert!(!health.is_sound());
}

async fn alter(place: &Place, statement: &str) {
    let options = SqliteConnectOptions::new().filename(place.path());
    let mut file = SqliteConnection::connect_with(&options)
        .await
        .expect("it is there");
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::query(statement)
        .execute(&mut file)
        .await
        .expect("it is SQL");
    file.close().await.expect("it is ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_row_is_named() {
    use futures_util::TryStreamExt as _;

    for (column, value) in [
        ("class", "'Bogus'"),
        ("images", "'many'"),
        ("currency", "'dollars'"),
        ("model", "x'ff00'"),
        ("bytes", "1.5"),
        ("path", "CAST(x'ff' AS TEXT)"),
    ] {
        let place = Place::sqlite();
        let ledger = place.open().await;
        for _ in 0..5 {
            let mut priced = opening(1);
            priced.price = Some(longhaul::Money::usd_micros(240_000));
            open(&ledger, priced).await.close(closing(Class::NoImage));
        }
        ledger.close().await.expect("it is durable");
        let third = "(SELECT id FROM attempts ORDER BY id LIMIT 1 OFFSET 2)";
        alter(
            &place,
            &format!("UPDATE attempts SET {column} = {value} WHERE id = {third}"),
        )
        .await;

        let store = Store::open(place.location()).await.expect("it is a ledger");
        let filter = Default::default();
        let rows: Vec<_> = store
            .scan(&filter)
            .try_collect()
            .await
            .expect("the rest can be read");
        let [
            Scanned::Stored(_),
            Scanned::Stored(_),
            Scanned::Unread(bad),
            rest @ ..,
        ] = &rows[..]
        else {
            panic!("{column}: {rows:?}");
        };
        assert_eq!(rest.len(), 2, "{column}");
        let id = bad.id.expect("it has a name").to_string();
        let error = store
            .records(&filter)
            .await
            .expect_err("one cannot be read")
            .to_string();
        assert!(error.contains(&id), "{column}: {error}");
        if column == "class" {
            assert_eq!(bad.cell("class"), Some("Bogus"));
            let found = store
                .claims(&Default::default(), &filter)
                .await
                .expect("the rest can be read");
            assert_eq!((found.claims.len(), found.unread.len()), (4, 1));
            assert!(found.unread[0].to_string().contains(&id));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_row_that_runs_stops_no_start() {
    let place = Place::sqlite();
    place.die_after(LONG, |ledger| async move {
        for _ in 0..2 {
            std::mem::forget(open(&ledger, opening(1)).await);
        }
    });
    let first = "(SELECT id FROM running ORDER BY id LIMIT 1)";
    alter(
        &place,
        &format!("UPDATE running SET resolution = 'K8' WHERE id = {first}"),
    )
    .await;
    let ledger = place.open().await;
    assert_eq!(ends(ledger.recovered()), [LOST]);
    assert_eq!(ledger.store().running().await.expect("it can be read"), []);
}

/// Copies that other tools make while somebody writes: what was confirmed before them is in them, as long as the log was
/// not copied into the file in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_copy_opens_with_what_was_confirmed_before() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    for order in [["", "-wal"], ["-wal", ""]] {
        for _ in 0..10 {
            let written = records(&ledger).await.len();
            let writing = tokio::spawn({
                let ledger = ledger.clone();
                async move {
                    for _ in 0..3 {
                        deliver(&ledger).await;
                    }
                    ledger.flush().await.expect("it is durable");
                }
            });
            let copy = Place::sqlite();
            for ending in order {
                fs::copy(place.beside(ending), copy.beside(ending)).expect("there is room");
            }
            writing.await.expect("it does not panic");
            let copied = copy.open().await;
            let found = records(&copied).await.len();
            assert!(
                (written..=written + 3).contains(&found),
                "{found} of {written}"
            );
            let health = copied.store().check().await.expect("it can be read");
            assert!(health.is_sound(), "{health:?}");
        }
    }
}
