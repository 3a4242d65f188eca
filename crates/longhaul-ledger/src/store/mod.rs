//! The tables, and reading them: the same statements for SQLite and PostgreSQL.
//!
//! Reading is apart from writing. A reader takes no lock that a writer would wait for, holds no transaction open longer
//! than one chunk of rows, and, opened to [read](Access::Read), changes nothing: neither tables, nor rights, nor the
//! files beside the ledger. Who writes attempts is [`durable`](crate::durable); what is written here is what becomes of
//! them: verdicts, claims, exports, and removal.
//!
//! One text of SQL serves both databases wherever that is possible, and the numbered places (`$1`) are understood by
//! both. Where it is not, the statement is made by a function that asks for the [`Location`].

mod about;
mod access;
mod backup;
mod check;
pub(crate) mod columns;
mod entry;
mod filter;
mod migrate;
mod packed;
mod pools;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod row;
mod scan;
#[cfg(all(feature = "sqlite", unix))]
pub(crate) mod sqlite;
mod unread;
mod version;
pub(crate) mod words;

use std::{
    future::Future,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, TryStreamExt as _};
use longhaul::OperationId;
use sqlx::{Any, AnyPool, Arguments as _, AssertSqlSafe, Row as _, Transaction, any::AnyArguments};
use tokio::time::timeout;

use self::pools::Pools;
pub use self::{
    access::Access,
    check::Health,
    entry::{EntryId, Stored},
    filter::Filter,
    scan::Scanned,
    unread::Unread,
};
pub(crate) use self::{
    filter::first_id_at,
    packed::{Fields, Read, object, unpack},
    row::{CLOSING_COLUMNS, OPENING_COLUMNS, day_micros, ended, money, span_micros, time_of_day},
    version::{WITH_DRAFTS, WITH_SUBMITS, WITH_TASKS},
};
#[cfg(all(feature = "sqlite", unix))]
use crate::file::Guard;
use crate::{error::LedgerError, location::Location};

/// A ledger to read from. Cheap to clone; all clones share a few connections.
///
/// Made by [`open`](Self::open) and its kin, or taken from the [`DurableLedger`](crate::DurableLedger) that writes. What was
/// confirmed to a writer is read; what still waits in its queue is not, until a
/// [`flush`](crate::DurableLedger::flush).
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use longhaul_ledger::{Filter, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// // Beside the process that writes, in this one or in another.
/// let store = Store::open(&location).await?;
/// let mut filter = Filter::default();
/// filter.provider = Some("relay.example.com".to_owned());
/// let stored = &store.records(&filter).await?[0];
/// assert_eq!(stored.record.closing.as_ref().unwrap().outcome.class, longhaul::Class::NoImage);
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
///
/// It holds at most four connections, made when they are needed. Nothing has to be closed: the connections end with the
/// last clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Shared>);

/// What all clones share; nothing in it changes after opening but the pools.
#[derive(Debug)]
struct Shared {
    location: Location,
    access: Access,
    version: i64,
    pools: Pools,
    // Of a server; a file of SQLite's waits for locks by itself.
    patience: Option<Duration>,
    #[cfg(all(feature = "sqlite", unix))]
    file: Option<Guard>,
    unread: UnreadLog,
}

/// Reading takes turns: a report beside a running gateway must not take all of a database's connections.
///
/// Three days of a report are read at once (`report`), and one statement more can run beside them.
const CONNECTIONS: u32 = 4;

/// Between what a server was told to end and its saying so.
///
/// The server ends a statement by itself after the patience that it was told. A second later it counts as gone.
const GRACE: Duration = Duration::from_secs(1);

/// What of a file's write-ahead log could not be read when it was opened.
///
/// It is empty for a ledger that was not damaged and whose machine did not lose its power, and for every PostgreSQL
/// database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct UnreadLog {
    /// Frames, each a page, from the first that is damaged on.
    ///
    /// A page has 4,096 bytes.
    pub frames: u64,
    /// Transactions among them. Of one alone nobody knows whether it was ever confirmed: a machine that loses its power
    /// leaves such a one. What more of them confirmed is missing.
    pub transactions: u64,
}

impl UnreadLog {
    /// Whether what was confirmed is missing.
    ///
    /// ```
    /// use longhaul_ledger::UnreadLog;
    ///
    /// assert!(!UnreadLog::default().is_damage(), "all of it was read, or there is no log");
    /// ```
    pub const fn is_damage(&self) -> bool {
        self.transactions > 1
    }
}

impl Store {
    fn new(location: Location, access: Access, version: i64, pools: Pools) -> Self {
        Self(Arc::new(Shared {
            location,
            access,
            version,
            pools,
            patience: None,
            #[cfg(all(feature = "sqlite", unix))]
            file: None,
            unread: UnreadLog::default(),
        }))
    }

    #[cfg(feature = "postgres")]
    fn with_patience(mut self, patience: Duration) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.patience = Some(patience);
        }
        self
    }

    #[cfg(all(feature = "sqlite", unix))]
    fn with_file(mut self, guard: Option<Guard>, unread: crate::file::Unreadable) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.file = guard;
            inner.unread = UnreadLog {
                frames: unread.frames,
                transactions: unread.transactions,
            };
        }
        self
    }

    /// Where it is.
    ///
    /// As it was given: a relative path stays one, and a link is not followed.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// What of a file's log could not be read when it was opened; nothing of a database's.
    ///
    /// Who shows figures should say so where it is damage: what those transactions confirmed is missing in every list
    /// and sum.
    pub fn unread_log(&self) -> UnreadLog {
        self.0.unread
    }

    /// Every entry that `filter` lets pass, in the order of opening; those that still run among them. Fails at the first
    /// row that cannot be read, and names it: [`scan`](Self::scan) goes on.
    ///
    /// All of them are in memory at once, some 1 kB each. For a ledger of unknown size take [`scan`](Self::scan), or a
    /// [`limit`](Filter::limit).
    ///
    /// # Errors
    ///
    /// [`Row`](crate::LedgerErrorKind::Row) for the first entry that is not understood, and what the database says.
    pub async fn records(&self, filter: &Filter) -> Result<Vec<Stored>, LedgerError> {
        let understood = |row: Result<Scanned, LedgerError>| row.and_then(Scanned::into_stored);
        self.scan(filter).map(understood).try_collect().await
    }

    /// The entries of one operation, in the order of opening.
    ///
    /// The id stands in every error and report of the layers, so this answers the question what one picture has cost.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul::OperationId;
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
    /// let attempts = store.operation(OperationId::from_u128(7)).await?;
    /// assert_eq!(attempts.len(), 1);
    /// assert_eq!(attempts[0].record.opening.price.unwrap().to_string(), "0.24 USD");
    /// assert!(store.operation(OperationId::from_u128(8)).await?.is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`records`](Self::records).
    pub async fn operation(&self, operation: OperationId) -> Result<Vec<Stored>, LedgerError> {
        self.records(&Filter::of_operation(operation)).await
    }

    /// The entries that have not been closed, in the order of opening.
    ///
    /// Whether their process lives is another question: entries of a dead one are among them until the ledger is opened
    /// to write, or on PostgreSQL until the lease has run out.
    ///
    /// # Errors
    ///
    /// As of [`records`](Self::records).
    pub async fn running(&self) -> Result<Vec<Stored>, LedgerError> {
        let all = Filter::default();
        let running = self.chunk(&all, EntryTable::Running, None, u32::MAX);
        let running = running.await?.into_iter();
        running.map(Scanned::into_stored).collect()
    }

    /// Those of them that are understood.
    ///
    /// For what has to go on beside a row that is damaged, such as claims and pruning.
    pub(crate) async fn running_understood(&self) -> Result<Vec<Stored>, LedgerError> {
        self.understood(&Filter::default(), EntryTable::Running)
            .await
    }

    /// When the first ended attempt was opened, and a moment after the last was; `None` where there is none.
    ///
    /// Two lookups at the ends of the key: nothing is scanned. The id leads with the time, to the millisecond.
    pub(crate) async fn extent(&self) -> Result<Option<Range<SystemTime>>, LedgerError> {
        let end = async |order: &str| {
            let statement = format!("SELECT id FROM attempts ORDER BY id {order} LIMIT 1");
            let row = sqlx::query(AssertSqlSafe(statement)).fetch_optional(self.pool());
            let row = self.patient(row).await?;
            let id: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?;
            Ok::<_, LedgerError>(id.and_then(|id| filter::time_of(&id)))
        };
        let (Some(first), Some(last)) = (end("ASC").await?, end("DESC").await?) else {
            return Ok(None);
        };
        Ok(Some(first..last + Duration::from_millis(1)))
    }

    /// Those that run, that `filter` lets pass, and that are understood.
    pub(crate) async fn running_of(&self, filter: &Filter) -> Result<Vec<Stored>, LedgerError> {
        self.understood(filter, EntryTable::Running).await
    }

    /// For statements of other modules.
    pub(crate) fn pool(&self) -> &AnyPool {
        self.0.pools.now()
    }

    /// Whether the tables have what version `version` added: a reader changes nothing.
    ///
    /// A reader meets tables of older versions and leaves them so; a statement that names a later column would be
    /// refused by the database.
    pub(crate) fn has(&self, version: i64) -> bool {
        self.0.version >= version
    }

    /// A transaction that writes.
    ///
    /// A store that was opened to read is refused here, before the database is asked: a file may well be writable for
    /// this process.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, LedgerError> {
        if !self.0.access.writes() {
            return Err(crate::LedgerErrorKind::ReadOnly.into());
        }
        self.check_file()?;
        match self.location() {
            // One that only later wants to write may find that another has written meanwhile.
            Location::Sqlite(_) => {
                self.patient(self.pool().begin_with("BEGIN IMMEDIATE"))
                    .await
            }
            Location::Postgres(_) => self.patient(self.pool().begin()).await,
        }
    }

    /// Makes durable what was written.
    ///
    /// The path is compared once more right before the commit, as the writer of attempts does it.
    pub(crate) async fn commit(&self, written: Transaction<'_, Any>) -> Result<(), LedgerError> {
        self.check_file()?;
        self.patient(written.commit()).await
    }

    /// Refuses where the path no longer leads to what was opened.
    fn check_file(&self) -> Result<(), LedgerError> {
        #[cfg(all(feature = "sqlite", unix))]
        if let Some(file) = &self.0.file {
            file.check()?;
        }
        Ok(())
    }

    /// Ends with `work`, or as soon as a server has said nothing for too long. What was read of a file while somebody
    /// began to write may be torn, and is refused.
    ///
    /// Whether the file was at rest is asked before the work, and whether it still is after it: only what was read
    /// between two looks that say the same is whole.
    pub(crate) async fn patient<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, LedgerError> {
        let alone = self.0.pools.reads_alone();
        let read = self.in_time(work).await;
        if alone && !self.0.pools.first_holds() {
            return Err(crate::LedgerErrorKind::Changed.into());
        }
        read
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, LedgerError> {
        match self.0.patience {
            None => Ok(work.await?),
            Some(patience) => match timeout(patience.saturating_add(GRACE), work).await {
                Ok(result) => Ok(result?),
                Err(_) => Err(crate::LedgerErrorKind::Unreachable.into()),
            },
        }
    }

    /// Closes the connections to a file, so that the next to close it leaves one whole file; those to a server stay.
    pub(crate) async fn close_file(&self) {
        if let Location::Sqlite(_) = self.location() {
            self.0.pools.close().await;
        }
    }

    /// Refuses what was read from a file at rest, where somebody began to write into it meanwhile.
    fn still_at_rest(&self, pool: &AnyPool) -> Result<(), LedgerError> {
        if self.0.pools.is_stale(pool) {
            return Err(crate::LedgerErrorKind::Changed.into());
        }
        Ok(())
    }
}

/// Which entries.
///
/// Two tables and not one with a column for the state: the open ones are few, so that finding them after a crash, and
/// listing them, costs the same however large the ledger is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EntryTable {
    /// Those that have ended.
    Attempts,
    /// Those that have not.
    Running,
}

pub(crate) type Arguments = AnyArguments;

/// Adds one value to a statement's, and returns the place that stands for it.
///
/// Statements are put together from pieces, each of which adds its own values. The place comes from the number of
/// values, so that pieces need not know of each other.
pub(crate) fn add<'q, T>(arguments: &mut Arguments, value: T) -> Result<String, LedgerError>
where
    T: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
{
    arguments
        .add(value)
        .map_err(|error| LedgerError::from(sqlx::Error::Encode(error)))?;
    Ok(format!("${}", arguments.len()))
}
