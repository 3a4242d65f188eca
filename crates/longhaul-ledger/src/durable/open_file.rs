//! A file of SQLite's, opened by the one process that writes into it.
//!
//! The order in which a file is taken, each step before what depends on it:
//!
//! 1. The lock, so that nobody else writes from here on.
//! 2. The log is looked at, and with it what the last writer confirmed; a log that cannot be read stops everything.
//! 3. The tables are brought up to date.
//! 4. The pages are looked through, where the last writer did not give its lock back.
//! 5. Writers that the table `writers` names are asked after: one may live though its lock file is gone.
//! 6. What was left open is closed as lost, and this writer is noted.
//!
//! Step 2 comes before the first write, since SQLite overwrites what it cannot read in a log.

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
///
/// A disk that reads 200 MB a second needs 1.3 s for it. At 411 bytes an attempt (measured: see `BACKUPS.md`) it is
/// some 650,000 attempts.
const LOOKED_THROUGH: u64 = 256 << 20;

/// Takes the lock, and opens what may be written then.
///
/// With `despite_damage` the log is first copied beside itself: what cannot be read today may be read by somebody who
/// knows SQLite's format. A copy that fails stops the recovery, since the next step empties the log.
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

/// `quick_check` and not `integrity_check`: it reads every page and does not compare indexes with tables, which is what
/// a start can afford. One line is asked for, since the first fault is enough to refuse.
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
///
/// Recovery and the note of this writer are two transactions. A process that dies between them leaves no writer and
/// nothing open, which is what a ledger that nobody writes to looks like.
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
///
/// The file is opened to read first, so that a mistyped path makes neither a lock nor a ledger. Tables of a version
/// that is too old to read are recovered all the same: opening to write brings them up to date.
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
