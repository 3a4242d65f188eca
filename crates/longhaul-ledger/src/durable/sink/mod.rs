//! Where the writer writes to: one connection, whose promises were checked.
//!
//! Why not the pool that reads: a pool gives back any connection, and the writer must know that the one in its hands
//! confirms what it commits. So the writer has one connection of its own, made by it and given up by it.
//!
//! Two statements are the same for both databases, up to how rows are handed over: an opening is inserted where it is
//! not there yet, and a closing is inserted, or replaces a row that was written as lost. Everything else differs enough
//! to stand in a file for each.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(all(feature = "sqlite", unix))]
mod sqlite;

use std::sync::{Arc, atomic::AtomicU32};

use tokio::sync::Semaphore;
use uuid::Uuid;

#[cfg(feature = "postgres")]
pub(super) use self::postgres::Postgres;
#[cfg(all(feature = "sqlite", unix))]
pub(super) use self::sqlite::Sqlite;
use super::{batch::Closed, entry::Entry, task::TaskNote};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    store::{CLOSING_COLUMNS, OPENING_COLUMNS, words::LOST},
};

/// No trait: there are two, both are known, and a build has one of them or both.
#[derive(Debug)]
pub(super) enum Sink {
    #[cfg(all(feature = "sqlite", unix))]
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Box<Postgres>),
}

impl Sink {
    /// Writes all openings and closings, or none, in one transaction; returns when they are durable. Notes of tasks are
    /// part of that transaction in a file. In PostgreSQL each is a statement of its own before it: where a later one
    /// fails, all are written again, and those that were written do nothing the second time.
    pub(super) async fn write(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
        tasks: &[TaskNote],
    ) -> Result<(), LedgerError> {
        // By value, so that it is complete where a build has no database at all.
        match *self {
            #[cfg(all(feature = "sqlite", unix))]
            Self::Sqlite(ref mut sqlite) => sqlite.write(openings, closings, tasks).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(ref mut postgres) => postgres.write(openings, closings, tasks).await,
        }
    }

    /// Whether everything was put in order.
    pub(super) async fn close(self) -> bool {
        match self {
            #[cfg(all(feature = "sqlite", unix))]
            Self::Sqlite(sqlite) => sqlite.close().await.is_ok(),
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => {
                postgres.close().await;
                true
            }
        }
    }
}

/// What tests do to the writer.
///
/// They cannot be set from outside but by methods that are hidden from the documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Hooks {
    /// Every commit takes one permit first.
    pub(super) commits: Option<Arc<Semaphore>>,
    /// The pages that a file of SQLite's may have; 0 where nothing was said.
    pub(super) pages: Arc<AtomicU32>,
}

impl Hooks {
    async fn before_commit(&self) {
        if let Some(commits) = &self.commits
            && let Ok(permit) = commits.acquire().await
        {
            permit.forget();
        }
    }

    #[cfg(all(feature = "sqlite", unix))]
    fn pages(&self) -> u32 {
        self.pages.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Which writer a row of `running` belongs to.
///
/// A row that is there already is from a try whose answer was lost. It is left as it is.
fn insert_running(rows: &str) -> String {
    format!("INSERT INTO running (writer, {OPENING_COLUMNS}) {rows} ON CONFLICT (id) DO NOTHING")
}

/// A closing that comes late, since its writer was taken for dead, stands in the place of the loss that was written
/// for it.
///
/// Without the condition a closing that is written twice would be harmless too, but a closing that was handed over by
/// mistake a second time could change what a report has shown. With it, what is written stays, but for the one kind of
/// row that is a guess.
fn insert_attempts(rows: &str) -> String {
    format!("{} WHERE attempts.ended = '{LOST}'", write_attempts(rows))
}

/// What a task tells that outlived its attempt stands in the place of whatever was written down.
///
/// Of the opening's columns only the price is written anew, since an answer may have told its own: the row's checksum is
/// taken with it. All others were true when the attempt began.
fn write_attempts(rows: &str) -> String {
    let known: Vec<_> = CLOSING_COLUMNS
        .split(", ")
        .chain(["price_micros", "currency", "checksum"])
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(
        "INSERT INTO attempts ({OPENING_COLUMNS}, {CLOSING_COLUMNS}, checksum) {rows} \
         ON CONFLICT (id) DO UPDATE SET {}",
        known.join(", ")
    )
}

/// How many columns a list of them names.
#[cfg(all(feature = "sqlite", unix))]
fn count(columns: &str) -> usize {
    columns.split(", ").count()
}

/// A setting on which the promise depends.
///
/// It is read back from the connection that writes, after it was set: a server's configuration, a file system or a
/// proxy may decide otherwise. `enough` may hold more than what was asked for, such as `remote_apply`.
fn check(
    setting: &'static str,
    found: &str,
    enough: &[&str],
    wanted: &'static str,
) -> Result<(), LedgerError> {
    if enough.contains(&found) {
        return Ok(());
    }
    Err(LedgerErrorKind::NotDurable {
        setting,
        found: found.to_owned(),
        wanted,
    }
    .into())
}

/// Names a writer.
///
/// Made anew each time a ledger is opened: a process that opens it twice is two writers, one after the other.
pub(super) type WriterId = Uuid;
