//! Exports that were cut off: noted, and finished or undone by the next one.
//!
//! Whether an export still runs is told by the lock in its folder, which the system drops with its process. A row whose
//! folder is not on this machine may belong to an export that runs on another one; only its age tells.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sqlx::Row as _;
use uuid::Uuid;

use super::{
    files::refused,
    workspace::{Left, Workspace},
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    period,
    store::{Store, day_micros, time_of_day},
};

/// What became of an export that was cut off.
///
/// An export writes files and marks claims, and a process can die between the two. Which of the two was done decides whether the
/// files stay.
///
/// An export that still runs is not reported at all.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Finished {
    /// Its claims had been marked: its files have their names now.
    ///
    /// They can be sent now. Names that were taken meanwhile have a number behind them.
    Finished {
        /// The files.
        files: Vec<PathBuf>,
    },
    /// Its claims had not been marked: nothing of it is left.
    ///
    /// The claims are open, and the next export takes them.
    Undone {
        /// The folder that it was for.
        folder: PathBuf,
    },
    /// Its folder is not on this machine: nothing was done.
    ///
    /// An hour ago at least. On a fleet: run an export, or only `finish_exports`, on the machine that has the folder.
    Elsewhere {
        /// The folder.
        folder: PathBuf,
    },
}

/// Its claims are open.
const WRITING: &str = "Writing";
/// Its claims are exported, and its files wait for their names.
const MARKED: &str = "Marked";

/// An export that is younger may only be about to begin.
///
/// The folder is made after the row is committed: a young row without a folder belongs to an export that begins at this
/// moment.
const YOUNG: Duration = Duration::from_secs(60);

/// One of another machine that is older was cut off there.
///
/// Writing files of claims takes seconds.
const OLD: Duration = Duration::from_secs(3600);

/// How long ago an export began.
fn age(began_at: i64) -> Duration {
    let age = period::now().duration_since(time_of_day(began_at));
    age.unwrap_or_default()
}

impl Store {
    /// Finishes the exports that were cut off after their claims were marked, and undoes those that were before. One that
    /// runs is left alone.
    ///
    /// Call it before looking for claims to export, as `longhaul-ledger export` does: what was undone is then among
    /// them.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// assert!(ledger.store().finish_exports().await?.is_empty(), "none was cut off");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Export`](crate::LedgerErrorKind::Export) where a folder cannot be read or a file not be renamed, and what the
    /// database says. What was finished before stays so; asked again, it goes on.
    pub async fn finish_exports(&self) -> Result<Vec<Finished>, LedgerError> {
        let statement =
            "SELECT id, folder, state, began_at FROM exports WHERE state <> 'Done' ORDER BY id";
        let rows = self
            .patient(sqlx::query(statement).fetch_all(self.pool()))
            .await?;
        let mut finished = Vec::new();
        for row in rows {
            let (id, folder, state): (Vec<u8>, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let id = Uuid::from_slice(&id).map_err(|error| LedgerError::row("id", error))?;
            let folder = PathBuf::from(folder);
            let cannot = |error| refused(&folder, error);
            let left = Workspace::left(&folder, id).map_err(cannot)?;
            // It may have come further until nobody held its folder any more.
            let state = match &left {
                Left::Behind(_) => self.export_state(id).await?.unwrap_or_default(),
                _ => state,
            };
            match (left, &*state) {
                (Left::Runs, _) => {}
                (Left::Behind(workspace), MARKED) => {
                    let placed = workspace.publish().map_err(cannot)?;
                    self.end_export(id).await?;
                    let files = placed.into_iter().map(|(_, file)| file).collect();
                    finished.push(Finished::Finished { files });
                }
                (Left::Behind(_), _) => {
                    Workspace::remove(&folder, id);
                    self.forget_export(id).await?;
                    finished.push(Finished::Undone { folder });
                }
                // One that begins at this moment has no folder of its own yet.
                (Left::Gone, _) if age(row.try_get(3)?) < YOUNG => {}
                // Of what was not marked nothing is left; of what was, all is where it should be.
                (Left::Gone, MARKED) if folder.is_dir() => self.end_export(id).await?,
                (Left::Gone, _) if folder.is_dir() => self.forget_export(id).await?,
                // Perhaps another machine is at it.
                (Left::Gone, _) if age(row.try_get(3)?) < OLD => {}
                (Left::Gone, _) => finished.push(Finished::Elsewhere { folder }),
            }
        }
        Ok(finished)
    }

    async fn export_state(&self, id: Uuid) -> Result<Option<String>, LedgerError> {
        let state = sqlx::query("SELECT state FROM exports WHERE id = $1")
            .bind(id.as_bytes().to_vec())
            .fetch_optional(self.pool());
        let row = self.patient(state).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Before the first file, so that a process that dies leaves no folder that nobody knows of.
    pub(super) async fn note_export(
        &self,
        id: Uuid,
        folder: &Path,
        now: SystemTime,
    ) -> Result<(), LedgerError> {
        let folder = folder.to_str().ok_or_else(|| {
            let why = "its name is not UTF-8".to_owned();
            LedgerError::from(LedgerErrorKind::Export {
                folder: folder.to_owned(),
            })
            .with_source(why)
        })?;
        let noted = sqlx::query(
            "INSERT INTO exports (id, folder, began_at, state) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.as_bytes().to_vec())
        .bind(folder.to_owned())
        .bind(day_micros(now))
        .bind(WRITING);
        let mut transaction = self.begin().await?;
        self.patient(noted.execute(&mut *transaction)).await?;
        self.commit(transaction).await
    }

    /// Nothing of it was exported, and nothing of it is left.
    pub(super) async fn forget_export(&self, id: Uuid) -> Result<(), LedgerError> {
        self.change_export("DELETE FROM exports WHERE id = $1", id)
            .await
    }

    /// The row stays: each exported claim names its export.
    pub(super) async fn end_export(&self, id: Uuid) -> Result<(), LedgerError> {
        self.change_export("UPDATE exports SET state = 'Done' WHERE id = $1", id)
            .await
    }

    async fn change_export(&self, statement: &'static str, id: Uuid) -> Result<(), LedgerError> {
        let change = sqlx::query(statement).bind(id.as_bytes().to_vec());
        let mut transaction = self.begin().await?;
        self.patient(change.execute(&mut *transaction)).await?;
        self.commit(transaction).await
    }
}

/// What the marking of claims says of the export that it belongs to.
///
/// Part of the transaction that marks the claims, so that the two cannot disagree.
pub(crate) const MARK: &str = "UPDATE exports SET state = 'Marked' WHERE id = $1";
