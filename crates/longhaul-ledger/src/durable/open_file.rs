//! A file of SQLite's, opened by the one process that writes into it.

use std::{fs, path::Path};

use sqlx::Row as _;
use uuid::Uuid;

use super::{
    alive::Alive,
    recover,
    sink::{Hooks, Sink, Sqlite, WriterId},
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    file::{self, Guard, Lock},
    location::Location,
    store::{Access, Store, Stored, day_micros, sqlite},
};

/// A file of at most so many bytes is looked through after a writer that did not end in order: what is larger takes too
/// long, and is left to `check`.
const LOOKED_THROUGH: u64 = 256 << 20;

/// Takes the lock, and opens what may be written then.
async fn locked(
    path: &Path,
    name: &str,
    despite_damage: bool,
) -> Result<(Lock, Store), LedgerError> {
    let lock = Lock::take(path, name)?;
    if despite_damage && file::unreadable(lock.path()).frames > 0 {
        let [log, kept] = ["-wal", "-wal.damaged"].map(|ending| file::beside(lock.path(), ending));
        let kept = fs::copy(&log, &kept);
        kept.map_err(|error| LedgerError::from(LedgerErrorKind::Full).with_source(error))?;
    }
    let store = sqlite::open(path, Access::Create, despite_damage).await?;
    if despite_damage {
        // Nothing of what cannot be read stays in the log.
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        emptied.fetch_all(store.pool()).await?;
    }
    if !lock.was_given_back() {
        look_through(&lock, &store).await?;
    }
    let rows = sqlx::query("SELECT name, lock FROM writers WHERE lock IS NOT NULL")
        .fetch_all(store.pool())
        .await?;
    for row in rows {
        let (name, mark): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        lock.lets_in(&name, &mark)?;
    }
    Ok((lock, store))
}

async fn look_through(lock: &Lock, store: &Store) -> Result<(), LedgerError> {
    let path = lock.path();
    if path
        .metadata()
        .is_ok_and(|about| about.len() > LOOKED_THROUGH)
    {
        return Ok(());
    }
    let said: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(store.pool())
        .await?;
    if said == "ok" {
        return Ok(());
    }
    let (path, what) = (path.to_owned(), said);
    Err(LedgerErrorKind::Damaged { path, what }.into())
}

/// The file, and who writes into it from now on.
pub(super) async fn open(
    path: &Path,
    writer: WriterId,
    name: &str,
    hooks: Hooks,
) -> Result<(Store, Vec<Stored>, Sink, Alive), LedgerError> {
    let (lock, store) = locked(path, name, false).await?;
    let recovered = recover::lost(&store).await?;
    let mut transaction = store.begin().await?;
    let now = day_micros(crate::period::now());
    sqlx::query("INSERT INTO writers (id, name, began_at, lease_until_at, lock) VALUES ($1, $2, $3, $3, $4)")
        .bind(Uuid::as_bytes(&writer).to_vec())
        .bind(name.to_owned())
        .bind(now)
        .bind(lock.mark())
        .execute(&mut *transaction)
        .await?;
    store.commit(transaction).await?;
    let guard = Guard::over(lock.path()).and_lock();
    let sink = Sqlite::connect(lock.path(), writer, guard, hooks).await?;
    Ok((store, recovered, Sink::Sqlite(sink), Alive::Lock(lock)))
}

/// Closes what a writer that is gone left open.
pub(super) async fn recover_file(
    path: &Path,
    despite_damage: bool,
) -> Result<Vec<Stored>, LedgerError> {
    // Nothing is made where no ledger is.
    match Store::open(&Location::Sqlite(path.to_owned())).await {
        Ok(store) => store.close_file().await,
        Err(error) if matches!(error.kind(), LedgerErrorKind::Older { .. }) => {}
        Err(error) => return Err(error),
    }
    let (lock, store) = locked(path, "recovery", despite_damage).await?;
    let found = recover::lost(&store).await?;
    store.close_file().await;
    lock.give_back();
    Ok(found)
}
