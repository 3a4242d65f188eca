//! Where the writer writes to: one connection, whose promises were checked.

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

#[derive(Debug)]
pub(super) enum Sink {
    #[cfg(all(feature = "sqlite", unix))]
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Box<Postgres>),
}

impl Sink {
    /// Writes all of it, or nothing, in one transaction; returns when it is durable. What was written before, by a try
    /// whose end is not known, does no harm.
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
fn insert_running(rows: &str) -> String {
    format!("INSERT INTO running (writer, {OPENING_COLUMNS}) {rows} ON CONFLICT (id) DO NOTHING")
}

/// A closing that comes late, since its writer was taken for dead, stands in the place of the loss that was written
/// for it.
fn insert_attempts(rows: &str) -> String {
    format!("{} WHERE attempts.ended = '{LOST}'", write_attempts(rows))
}

/// What a task tells that outlived its attempt stands in the place of whatever was written down.
fn write_attempts(rows: &str) -> String {
    let known: Vec<_> = CLOSING_COLUMNS
        .split(", ")
        .chain(["checksum"])
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
pub(super) type WriterId = Uuid;
