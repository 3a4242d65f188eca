//! Opening a ledger: to read, to write, or to make it.
//!
//! Three ways, because the three differ in what they may do to a place that is not a ledger, or not yet: reading makes
//! nothing, writing brings tables up to date, creating makes a file or tables.

use std::time::Duration;

use super::Store;
use crate::{error::LedgerError, location::Location};

/// What a ledger is opened for.
///
/// Nobody is refused for reading while another process writes: only the [writer of attempts](crate::DurableLedger) is
/// alone in a file.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_ledger::{LedgerErrorKind, Location, Store};
///
/// let folder = tempfile::tempdir()?;
/// let location = Location::Sqlite(folder.path().join("spend.db"));
/// let missing = Store::open(&location).await.unwrap_err();
/// assert!(matches!(missing.kind(), LedgerErrorKind::Missing { .. }), "reading makes none");
/// Store::create(&location).await?;
/// assert!(Store::open(&location).await?.running().await?.is_empty());
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Access {
    /// To read: nothing is made and nothing is changed, the files beside it and its tables' version neither. It need not
    /// be possible to write it.
    ///
    /// On PostgreSQL its transactions are read-only by the server's own setting, so that a role with `SELECT` alone is
    /// enough.
    Read,
    /// To write too, with its tables brought up to date.
    ///
    /// It takes no lock of the file and no lease: what it writes are claims, verdicts and exports, in short
    /// transactions beside the writer of attempts.
    Write,
    /// The same, made where there is none yet. A PostgreSQL database has to be there; its tables need not.
    Create,
}

impl Access {
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// So long a database is waited for that says nothing, where nobody says otherwise.
///
/// A report over a year on a busy server takes seconds; who waits longer waits for a server that has gone.
const PATIENCE: Duration = Duration::from_secs(60);

impl Store {
    /// The ledger at `location`, to [read](Access::Read). Refuses a place where there is none, and one that a newer
    /// version made.
    ///
    /// # Errors
    ///
    /// As of [`open_with`](Self::open_with).
    pub async fn open(location: &Location) -> Result<Self, LedgerError> {
        Self::open_with(location, Access::Read, PATIENCE).await
    }

    /// Opens the ledger at `location` to [write](Access::Write) claims and verdicts, and what became of them.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{LedgerErrorKind, Store, claims::Answer};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// let refused = Store::open_to_write(&location).await.unwrap_err();
    /// assert!(matches!(refused.kind(), LedgerErrorKind::Missing { .. }), "it makes none");
    /// Store::create(&location).await?;
    /// let (reader, writer) = (Store::open(&location).await?, Store::open_to_write(&location).await?);
    /// let now = std::time::SystemTime::UNIX_EPOCH;
    /// let refused = reader.answer_claims(&[], Answer::Denied, now).await.unwrap_err();
    /// assert_eq!(*refused.kind(), LedgerErrorKind::ReadOnly);
    /// writer.answer_claims(&[], Answer::Denied, now).await?;
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`open_with`](Self::open_with).
    pub async fn open_to_write(location: &Location) -> Result<Self, LedgerError> {
        Self::open_with(location, Access::Write, PATIENCE).await
    }

    /// Opens the ledger at `location` to write, and [makes it](Access::Create) where there is none yet.
    ///
    /// For tools that fill a ledger, and for tests. A gateway or a client opens a
    /// [`DurableLedger`](crate::DurableLedger), which makes the ledger itself.
    ///
    /// # Errors
    ///
    /// As of [`open_with`](Self::open_with), but for [`Missing`](crate::LedgerErrorKind::Missing).
    pub async fn create(location: &Location) -> Result<Self, LedgerError> {
        Self::open_with(location, Access::Create, PATIENCE).await
    }

    /// Opens the ledger at `location` for `access`. A PostgreSQL server that says nothing for as long as `patience` is
    /// given up: while connecting, and by each statement, which the server then ends too. [`open`](Self::open) and the
    /// others wait for a minute.
    ///
    /// A file takes no notice of `patience`: SQLite waits for locks by its own limit, which is seconds.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::Duration;
    /// use longhaul_ledger::{Access, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// let store = Store::open_with(&location, Access::Create, Duration::from_secs(5)).await?;
    /// assert_eq!(store.providers().await?, Vec::<String>::new());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Missing`](crate::LedgerErrorKind::Missing) and [`NotALedger`](crate::LedgerErrorKind::NotALedger) where there
    /// is none, [`Newer`](crate::LedgerErrorKind::Newer), [`Older`](crate::LedgerErrorKind::Older) and
    /// [`Altered`](crate::LedgerErrorKind::Altered) for tables that cannot be read here,
    /// [`Unsupported`](crate::LedgerErrorKind::Unsupported) where this build has no such database.
    pub async fn open_with(
        location: &Location,
        access: Access,
        patience: Duration,
    ) -> Result<Self, LedgerError> {
        match location {
            #[cfg(all(feature = "sqlite", unix))]
            Location::Sqlite(path) => super::sqlite::open(path, access, false).await,
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                let opened = super::postgres::open(url, access, patience);
                let opened = tokio::time::timeout(patience, opened).await;
                opened.unwrap_or_else(|_| Err(crate::LedgerErrorKind::Unreachable.into()))
            }
            #[allow(unreachable_patterns, reason = "where a build has all databases")]
            other => {
                let _ = patience;
                Err(other.unsupported())
            }
        }
    }
}
