//! The tables, and reading them: the same statements for SQLite and PostgreSQL.

pub(crate) mod columns;
mod filter;
pub(crate) mod migrate;
mod packed;
mod row;

use std::{
    fmt,
    ops::Range,
    str::FromStr,
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt as _;
use longhaul::{OperationId, billing::Record};
use sqlx::{
    AnyPool, Arguments as _, AssertSqlSafe, Row as _,
    any::{AnyArguments, AnyPoolOptions},
};
use uuid::Uuid;

pub use self::filter::Filter;
pub(crate) use self::{
    filter::first_id_at,
    packed::{Fields, Read, unpack},
    row::{CLOSING_COLUMNS, OPENING_COLUMNS, day_micros, ended, money, span_micros, time_of_day},
};
use crate::{error::LedgerError, location::Location};

/// Names one entry. A UUID of version 7: it leads with the time of opening.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) Uuid);

impl EntryId {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EntryId {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|error| LedgerError::setting("entry", format!("{text:?}: {error}")))
    }
}

impl serde::Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An entry as it lies in the ledger.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Stored {
    /// Its name.
    pub id: EntryId,
    /// What is written down.
    #[serde(flatten)]
    pub record: Record,
}

/// A ledger to read from. Cheap to clone; all clones share a few connections.
#[derive(Clone, Debug)]
pub struct Store {
    location: Location,
    pool: AnyPool,
}

/// Reading takes turns: a report beside a running gateway must not take all of a database's connections.
const CONNECTIONS: u32 = 4;

impl Store {
    /// The ledger at `location`, with its tables brought up to date. Refuses a place where there is none, and one
    /// that a newer version made.
    pub async fn open(location: &Location) -> Result<Self, LedgerError> {
        if let Location::Sqlite(path) = location
            && !path.is_file()
        {
            let path = path.clone();
            return Err(crate::LedgerErrorKind::Missing { path }.into());
        }
        Self::create(location).await
    }

    /// The same, made where there is none yet. A PostgreSQL database has to be there; its tables need not.
    pub async fn create(location: &Location) -> Result<Self, LedgerError> {
        let url = migrate::run(location).await?;
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(&url)
            .await?;
        Ok(Self {
            location: location.clone(),
            pool,
        })
    }

    /// Where it is.
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Every entry that `filter` lets pass, in the order of opening; those that still run among them.
    pub async fn records(&self, filter: &Filter) -> Result<Vec<Stored>, LedgerError> {
        let mut found = self.fetch(filter, Table::Attempts).await?;
        found.extend(self.fetch(filter, Table::Running).await?);
        found.sort_by_key(|stored| stored.id);
        if let Some(limit) = filter.limit {
            found.truncate(limit as usize);
        }
        Ok(found)
    }

    /// The entries of one operation, in the order of opening.
    pub async fn operation(&self, operation: OperationId) -> Result<Vec<Stored>, LedgerError> {
        self.records(&Filter::of_operation(operation)).await
    }

    /// The entries that have not been closed, in the order of opening.
    pub async fn running(&self) -> Result<Vec<Stored>, LedgerError> {
        self.fetch(&Filter::default(), Table::Running).await
    }

    /// When the first ended attempt was opened, and a moment after the last was; `None` where there is none.
    pub(crate) async fn extent(&self) -> Result<Option<Range<SystemTime>>, LedgerError> {
        let end = async |order: &str| {
            let statement = format!("SELECT id FROM attempts ORDER BY id {order} LIMIT 1");
            let row = sqlx::query(AssertSqlSafe(statement))
                .fetch_optional(&self.pool)
                .await?;
            let id: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?;
            Ok::<_, LedgerError>(id.and_then(|id| filter::time_of(&id)))
        };
        let (Some(first), Some(last)) = (end("ASC").await?, end("DESC").await?) else {
            return Ok(None);
        };
        Ok(Some(first..last + Duration::from_millis(1)))
    }

    /// Those among them that `filter` lets pass.
    pub(crate) async fn running_of(&self, filter: &Filter) -> Result<Vec<Stored>, LedgerError> {
        self.fetch(filter, Table::Running).await
    }

    async fn fetch(&self, filter: &Filter, table: Table) -> Result<Vec<Stored>, LedgerError> {
        let Some((condition, arguments)) = filter.condition(table)? else {
            return Ok(Vec::new());
        };
        let (columns, name, read): (&[&str], _, Read<Stored>) = match table {
            Table::Attempts => (&[OPENING_COLUMNS, CLOSING_COLUMNS], "attempts", row::ended),
            Table::Running => (&[OPENING_COLUMNS], "running", row::running),
        };
        let statement = format!("SELECT {} FROM {name} {condition}", self.packed(columns));
        self.rows(statement, arguments, read).try_collect().await
    }

    /// For statements of other modules.
    pub(crate) const fn pool(&self) -> &AnyPool {
        &self.pool
    }
}

/// Which entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Table {
    /// Those that have ended.
    Attempts,
    /// Those that have not.
    Running,
}

pub(crate) type Arguments = AnyArguments;

/// Adds one value to a statement's, and returns the place that stands for it.
pub(crate) fn add<'q, T>(arguments: &mut Arguments, value: T) -> Result<String, LedgerError>
where
    T: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
{
    arguments
        .add(value)
        .map_err(|error| LedgerError::from(sqlx::Error::Encode(error)))?;
    Ok(format!("${}", arguments.len()))
}
