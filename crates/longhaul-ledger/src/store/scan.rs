//! Entries one after the other, whatever is wrong with one of them.
//!
//! # Why in chunks by the key
//!
//! One statement over all rows would hold a snapshot for as long as the reader takes: in SQLite the log could not be
//! emptied meanwhile and would grow by everything that is written, and in PostgreSQL vacuum would stand still. A chunk
//! is read whole, and the next one begins behind its last id.
//!
//! So a scan is no snapshot. What is opened behind the point that it has reached is found; what ends while it runs is
//! shown once, as open or as ended; what is removed before it comes there is not shown.
//!
//! # Why bad rows are read around
//!
//! A chunk that the database cannot pack is read again row by row, and the row that fails is shown as [`Unread`]. One
//! damaged cell would otherwise hide everything behind it (`tests/durable/damage.rs`: `one_bad_row_is_named`).

use std::collections::VecDeque;

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Row as _};

use super::{
    CLOSING_COLUMNS, EntryId, EntryTable, Filter, OPENING_COLUMNS, Store, Stored,
    packed::{Cell, cells_of, unpack},
    row,
    unread::Unread,
};
use crate::error::{LedgerError, LedgerErrorKind};

/// Entries are read so many at a time: whoever takes them slowly keeps no log from being put in order.
const CHUNK: u32 = 500;

/// An entry as it was found.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use futures_util::TryStreamExt as _;
/// use longhaul_ledger::{Filter, Scanned};
///
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
/// let filter = Filter::default();
/// let (mut entries, mut found) = (store.scan(&filter), 0);
/// while let Some(entry) = entries.try_next().await? {
///     match entry {
///         Scanned::Stored(stored) => found += stored.record.opening.attempt,
///         Scanned::Unread(unread) => eprintln!("{:?}: {}", unread.id, unread.why),
///         _ => {}
///     }
/// }
/// assert_eq!(found, 1);
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scanned {
    /// It is understood.
    ///
    /// Boxed, since it is several hundred bytes, and most scans only pass it on.
    Stored(Box<Stored>),
    /// Something in it is not.
    ///
    /// In JSON it has a field `unread`, which no entry has that is understood.
    Unread(Unread),
}

impl Scanned {
    /// Its name, where even that can be read.
    ///
    /// Both kinds have it, as long as the row's first cell is whole.
    pub fn id(&self) -> Option<EntryId> {
        match self {
            Self::Stored(stored) => Some(stored.id),
            Self::Unread(unread) => unread.id,
        }
    }

    pub(super) fn into_stored(self) -> Result<Stored, LedgerError> {
        match self {
            Self::Stored(stored) => Ok(*stored),
            Self::Unread(unread) => Err(unread.into_error()),
        }
    }
}

impl Store {
    /// The entries that `filter` lets pass, in the order of opening, those that still run among them; what cannot be
    /// understood too. A few hundred are read at a time, whatever their number.
    ///
    /// The stream ends after its first error, which is one of the database's. It borrows the store and the filter;
    /// dropped, it leaves nothing behind.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use futures_util::StreamExt as _;
    /// use longhaul_ledger::Filter;
    ///
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
    /// let mut filter = Filter::default();
    /// assert_eq!(store.scan(&filter).count().await, 1);
    /// filter.class = Some(longhaul::Class::NoImage);
    /// assert_eq!(store.scan(&filter).count().await, 0);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn scan<'a>(&'a self, filter: &'a Filter) -> BoxStream<'a, Result<Scanned, LedgerError>> {
        let scan = Scan {
            store: self,
            filter,
            left: filter.limit.unwrap_or(u32::MAX),
            running: None,
            chunk: VecDeque::new(),
            after: None,
            ended: false,
        };
        stream::unfold(Some(scan), |scan| async {
            let mut scan = scan?;
            match scan.next().await {
                Ok(Some(row)) => Some((Ok(row), Some(scan))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    /// Those of `table` behind `after`, a chunk of them; once more where somebody began to write meanwhile.
    ///
    /// A file at rest that changed is read again at once, over the pool that takes part in SQLite's locks, so that it
    /// cannot happen twice.
    pub(super) async fn chunk(
        &self,
        filter: &Filter,
        table: EntryTable,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<VecDeque<Scanned>, LedgerError> {
        match self.read_chunk(filter, table, after, limit).await {
            Err(error) if *error.kind() == LedgerErrorKind::Changed => {
                self.read_chunk(filter, table, after, limit).await
            }
            read => read,
        }
    }

    async fn read_chunk(
        &self,
        filter: &Filter,
        table: EntryTable,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<VecDeque<Scanned>, LedgerError> {
        let mut filter = filter.clone();
        filter.limit = Some(limit);
        let Some((condition, arguments)) = filter.condition(table, after)? else {
            return Ok(VecDeque::new());
        };
        let name = name_of(table);
        let packed = self.packed(columns_of(table));
        let statement = format!("SELECT {packed} FROM {name} {condition}");
        let rows = sqlx::query_with(AssertSqlSafe(statement), arguments).fetch_all(self.pool());
        match self.patient(rows).await {
            Ok(rows) => rows
                .iter()
                .map(|row| Ok(scanned(table, row.try_get(0)?)))
                .collect(),
            // A single cell may be what the database cannot pack.
            Err(error)
                if matches!(
                    error.kind(),
                    LedgerErrorKind::Database | LedgerErrorKind::Row { .. }
                ) =>
            {
                self.one_by_one(&filter, table, after).await
            }
            Err(error) => Err(error),
        }
    }

    /// Those of `table` that are understood.
    pub(super) async fn understood(
        &self,
        filter: &Filter,
        table: EntryTable,
    ) -> Result<Vec<Stored>, LedgerError> {
        let limit = filter.limit.unwrap_or(u32::MAX);
        let rows = self.chunk(filter, table, None, limit).await?;
        let stored = |row| match row {
            Scanned::Stored(stored) => Some(*stored),
            Scanned::Unread(_) => None,
        };
        Ok(rows.into_iter().filter_map(stored).collect())
    }

    /// Ids first, which can always be read, then each row by itself.
    async fn one_by_one(
        &self,
        filter: &Filter,
        table: EntryTable,
        after: Option<EntryId>,
    ) -> Result<VecDeque<Scanned>, LedgerError> {
        let Some((condition, arguments)) = filter.condition(table, after)? else {
            return Ok(VecDeque::new());
        };
        let name = name_of(table);
        let statement = format!("SELECT id FROM {name} {condition}");
        let rows = sqlx::query_with(AssertSqlSafe(statement), arguments).fetch_all(self.pool());
        let mut found = VecDeque::new();
        for row in self.patient(rows).await? {
            let id: Vec<u8> = row.try_get(0)?;
            let packed = self.packed(columns_of(table));
            let statement = format!("SELECT {packed} FROM {name} WHERE id = $1");
            let one = sqlx::query(AssertSqlSafe(statement))
                .bind(id.clone())
                .fetch_one(self.pool());
            let read = self.patient(one).await;
            let read = read.and_then(|row| Ok(scanned(table, row.try_get(0)?)));
            found.push_back(read.unwrap_or_else(|error| {
                let id = uuid::Uuid::from_slice(&id).ok().map(EntryId);
                Scanned::Unread(Unread::new(id, &error, Vec::new()))
            }));
        }
        Ok(found)
    }
}

const fn name_of(table: EntryTable) -> &'static str {
    match table {
        EntryTable::Attempts => "attempts",
        EntryTable::Running => "running",
    }
}

const fn columns_of(table: EntryTable) -> &'static [&'static str] {
    match table {
        EntryTable::Attempts => &[OPENING_COLUMNS, CLOSING_COLUMNS],
        EntryTable::Running => &[OPENING_COLUMNS],
    }
}

/// What is not understood keeps its cells as text, so that a person sees the word that is wrong.
fn scanned(table: EntryTable, packed: &str) -> Scanned {
    let read = match table {
        EntryTable::Attempts => row::ended,
        EntryTable::Running => row::running,
    };
    match unpack(packed, read) {
        Ok(stored) => Scanned::Stored(Box::new(stored)),
        Err(error) => {
            let names = columns_of(table).iter().flat_map(|list| list.split(", "));
            let cells = cells_of(packed).unwrap_or_default();
            let cells: Vec<_> = names
                .zip(&cells)
                .filter(|(_, cell)| !matches!(cell, Cell::Empty))
                .map(|(name, cell)| (name, cell.to_string()))
                .collect();
            let id = cells.first().and_then(|(_, id)| id.parse().ok());
            Scanned::Unread(Unread::new(id, &error, cells))
        }
    }
}

/// Where a scan stands. Two lists are merged by id, the open ones and the chunk; an id that is in both is taken once,
/// from the ended ones.
struct Scan<'a> {
    store: &'a Store,
    filter: &'a Filter,
    left: u32,
    /// Read before the others: one that ends meanwhile is found there too, and is shown once.
    running: Option<VecDeque<Scanned>>,
    /// Read, and not handed out yet.
    chunk: VecDeque<Scanned>,
    /// The last id of the last chunk.
    after: Option<EntryId>,
    /// No further chunk: the last one was not full.
    ended: bool,
}

impl Scan<'_> {
    async fn next(&mut self) -> Result<Option<Scanned>, LedgerError> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.running.is_none() {
            let running = self
                .store
                .chunk(self.filter, EntryTable::Running, None, u32::MAX);
            self.running = Some(running.await?);
        }
        if self.chunk.is_empty() && !self.ended {
            let wanted = CHUNK.min(self.left);
            let chunk = self
                .store
                .chunk(self.filter, EntryTable::Attempts, self.after, wanted);
            self.chunk = chunk.await?;
            self.ended = self.chunk.len() < wanted as usize;
            self.after = self.chunk.iter().filter_map(Scanned::id).next_back();
        }
        let running = self.running.get_or_insert_default();
        let (ended, runs) = (self.chunk.front(), running.front());
        let next = match (ended.map(Scanned::id), runs.map(Scanned::id)) {
            (Some(ended), Some(runs)) if ended == runs => {
                running.pop_front();
                self.chunk.pop_front()
            }
            (Some(ended), Some(runs)) if runs < ended => running.pop_front(),
            (Some(_), _) => self.chunk.pop_front(),
            (None, _) => running.pop_front(),
        };
        self.left -= u32::from(next.is_some());
        Ok(next)
    }
}
