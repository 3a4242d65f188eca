//! Everything read once, to see what is damaged.

use futures_util::StreamExt as _;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};

use super::{
    CLOSING_COLUMNS, EntryId, Filter, OPENING_COLUMNS, Scanned, Store, Unread, UnreadLog,
    WITH_TASKS,
    columns::Checksum,
    packed::{Cell, cells_of},
};
use crate::{error::LedgerError, location::Location};

/// What was found in a ledger of which everything was read.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Entries that were read.
    pub entries: u64,
    /// Those of them whose row says by a checksum what it should be. The others were written by an older version, or
    /// closed as lost.
    pub with_checksum: u64,
    /// Entries whose row is not what its checksum says.
    pub altered: Vec<EntryId>,
    /// Entries that are not understood.
    pub unread: Vec<Unread>,
    /// What of the log beside a file cannot be read.
    pub unread_log: UnreadLog,
    /// What the database says of its pages and indexes, where it says something; a hundred lines at most.
    pub pages: Vec<String>,
}

impl Health {
    /// Whether nothing is damaged. A word of a newer version is no damage; nor are frames of a log that were never
    /// confirmed.
    pub fn is_sound(&self) -> bool {
        self.altered.is_empty() && self.pages.is_empty() && !self.unread_log.is_damage()
    }
}

/// Rows of which the checksums are compared at a time.
const CHUNK: u32 = 500;

impl Store {
    /// Reads everything, and counts what is damaged. It takes as long as reading takes, and changes nothing.
    ///
    /// ```no_run
    /// # async fn example(store: longhaul_ledger::Store) -> Result<(), longhaul_ledger::LedgerError> {
    /// let health = store.check().await?;
    /// if !health.is_sound() {
    ///     eprintln!("restore the last backup, or go on with what can be read: {health:?}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What passes by itself: a database that is not reached, or locked. Damage is no error, but what was asked for.
    pub async fn check(&self) -> Result<Health, LedgerError> {
        let mut health = Health {
            entries: 0,
            with_checksum: 0,
            altered: Vec::new(),
            unread: Vec::new(),
            unread_log: self.unread_log(),
            pages: self.pages().await?,
        };
        let filter = Filter::default();
        let mut rows = self.scan(&filter);
        while let Some(row) = rows.next().await {
            match row {
                Ok(row) => {
                    health.entries += 1;
                    if let Scanned::Unread(unread) = row {
                        health.unread.push(unread);
                    }
                }
                Err(error) if error.passes() => return Err(error),
                // From there on no row can be read.
                Err(error) => health.pages.push(error.to_string()),
            }
        }
        if self.has(WITH_TASKS)
            && let Err(error) = self.checksums(&mut health).await
        {
            if error.passes() {
                return Err(error);
            }
            health.pages.push(error.to_string());
        }
        Ok(health)
    }

    /// What SQLite says of a file's pages; PostgreSQL has its own tools for that.
    async fn pages(&self) -> Result<Vec<String>, LedgerError> {
        let Location::Sqlite(_) = self.location() else {
            return Ok(Vec::new());
        };
        let said = sqlx::query_scalar("PRAGMA integrity_check(100)").fetch_all(self.pool());
        match said.await {
            Ok(said) => {
                let said: Vec<String> = said;
                Ok(said.into_iter().filter(|line| line != "ok").collect())
            }
            Err(error) => {
                let error = LedgerError::from(error);
                if error.passes() {
                    return Err(error);
                }
                Ok(vec![error.to_string()])
            }
        }
    }

    async fn checksums(&self, health: &mut Health) -> Result<(), LedgerError> {
        let columns = self.packed(&[OPENING_COLUMNS, CLOSING_COLUMNS, "checksum"]);
        let mut after = Vec::new();
        loop {
            let statement = format!(
                "SELECT id, {columns} FROM attempts WHERE checksum IS NOT NULL AND id > $1 ORDER BY id LIMIT {CHUNK}"
            );
            let rows = sqlx::query(AssertSqlSafe(statement))
                .bind(after.clone())
                .fetch_all(self.pool());
            let rows = self.patient(rows).await?;
            for row in &rows {
                after = row.try_get(0)?;
                health.with_checksum += 1;
                let id = uuid::Uuid::from_slice(&after).map(EntryId);
                if !is_whole(row.try_get(1)?)
                    && let Ok(id) = id
                {
                    health.altered.push(id);
                }
            }
            if rows.len() < CHUNK as usize {
                return Ok(());
            }
        }
    }
}

/// Whether a row is what its last cell says.
fn is_whole(packed: &str) -> bool {
    let Ok(cells) = cells_of(packed) else {
        return false;
    };
    let Some((Cell::Number(told), cells)) = cells.split_last() else {
        return false;
    };
    let cells = match cells {
        [before_drafts @ .., Cell::Empty] => before_drafts,
        all => all,
    };
    let mut checksum = Checksum::default();
    for (place, cell) in cells.iter().enumerate() {
        match cell {
            Cell::Empty => checksum.add_nothing(),
            Cell::Number(number) => checksum.add_number(*number),
            // Ids are packed in either case.
            Cell::Text(text) if place < 2 => checksum.add_text(&text.to_ascii_lowercase()),
            Cell::Text(text) => checksum.add_text(text),
        }
    }
    checksum.end() == *told
}
