//! Everything read once, to see what is damaged.
//!
//! Three questions, from the outside in: whether the file's pages and indexes fit together (SQLite answers that),
//! whether each entry is understood, and whether each row still is what its checksum says. The third finds what the
//! others cannot: a number that was altered and is still a number.

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
///
/// It serialises as `longhaul-ledger check --json` prints it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Entries that were read.
    ///
    /// Those that run, and those that are not understood, among them.
    pub entries: u64,
    /// How many of them have a checksum in their row. The others were written by an older version, or closed as lost.
    pub with_checksum: u64,
    /// Entries whose row is not what its checksum says.
    ///
    /// A disk or a person with SQL altered them: a checksum tells that a row is altered, and not by what.
    pub altered: Vec<EntryId>,
    /// Entries that are not understood.
    ///
    /// Also what a newer version wrote; that is why it is no damage by itself.
    pub unread: Vec<Unread>,
    /// What of the log beside a file cannot be read.
    pub unread_log: UnreadLog,
    /// What the database says of its pages and indexes; empty where they are sound, and a hundred lines at most.
    ///
    /// Always empty for a PostgreSQL database, whose own tools look for that. Where reading itself fails, the error is
    /// the last line.
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
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let health = store.check().await?;
    /// assert!(health.is_sound());
    /// assert_eq!((health.entries, health.with_checksum), (1, 1));
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// A ledger that is written to meanwhile is no trouble. Health is not repaired here: see
    /// [`backups`](crate::backups) for what to do.
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

    /// In pages by the key: each page is a statement of its own, so that no snapshot is held for as long as the whole
    /// takes.
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
///
/// The checksum is taken over the cells as they are packed, and not over what they are read into: a word that is not
/// understood here does not make a row altered. The last cell before the checksum, the cost of drafts, is left out
/// where it is empty: rows of before that column have none in their sum.
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
