//! The index in SQLite or PostgreSQL.
//!
//! SQLite for one process, PostgreSQL for several; `sqlx::Any` keeps the statements the same. Both write durably
//! before `begin` returns (`synchronous = FULL`; PostgreSQL by itself): a beginning that a power cut forgets is a
//! second payment.
//!
//! Who runs an operation is written with it, as a random id of the process. A process that ends leaves its rows
//! "running"; whoever opens the file next, or finds the lease over, makes them "unknown".
//!
//! Test: `what_a_dead_process_left_running_is_not_sent_again`.

mod statements;

use std::{fmt, str::FromStr, time::Duration};

use sqlx::{
    AnyPool,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::{
    Digest, Index, PublicId, Row, Scope,
    schema::{is_postgres, make_tables, secret, sqlite_url},
};
use crate::core::BoxError;

/// A replica that has not said for so long that it lives is gone. Replicas' clocks must agree to a fraction of it.
///
/// The program sets its own, `replay.lease`, with the same default.
const LEASE: Duration = Duration::from_secs(60);

/// An index in a database: a file of SQLite's, or PostgreSQL.
///
/// ```
/// use longhaul_gateway::replay::{Index, SqlIndex, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul::BoxError> {
/// # let folder = tempfile::tempdir()?;
/// let place = folder.path().join("gateway.db").display().to_string();
/// let index = SqlIndex::open(&place).await?;
/// # let row = index.row_for_tests(7);
/// index.begin(row.clone()).await?;
/// drop(index); // The process dies here.
///
/// let index = SqlIndex::open(&place).await?;
/// let left = index.get(row.id).await?.expect("it was written down before anything was sent");
/// assert_eq!(left.state, State::Unknown, "it may have been paid: its key begins nothing");
/// # Ok(()) }
/// ```
pub struct SqlIndex {
    pool: AnyPool,
    secret: [u8; 32],
    /// Names this process among all that share the database.
    replica: String,
    /// Zero for SQLite: nobody else has the file, so that every other owner is gone.
    lease: Duration,
}

impl SqlIndex {
    /// Opens the database at `place`, a path or a `postgres://` URL, and makes its tables where there are none.
    ///
    /// What a process that is gone left running is then of unknown outcome. SQLite is for one process; in PostgreSQL a
    /// process is gone that has not [renewed its lease](Index::renew) for a minute.
    ///
    /// At most eight connections to PostgreSQL and one to SQLite. Two processes with one file of SQLite's would each
    /// take the other for dead: see [`StateLock`](crate::replay::StateLock), which this does not take.
    ///
    /// # Errors
    ///
    /// What the database says, and a path with `?`, `#` or `%` in it.
    pub async fn open(place: &str) -> Result<Self, BoxError> {
        sqlx::any::install_default_drivers();
        let postgres = is_postgres(place);
        let (url, connections) = match postgres {
            true => (place.to_owned(), 8),
            // One writer: SQLite's own limit, without its errors.
            false => (sqlite_url(place)?, 1),
        };
        let options = AnyConnectOptions::from_str(&url)?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .connect_with(options)
            .await?;
        if !postgres {
            for pragma in [
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA busy_timeout = 5000",
            ] {
                sqlx::query(pragma).execute(&pool).await?;
            }
        }
        make_tables(&pool).await?;
        let secret = secret(&pool).await?;
        let replica = PublicId::new()?.digits();
        // Nobody else has a file of SQLite's.
        let lease = if postgres { LEASE } else { Duration::ZERO };
        let index = Self {
            pool,
            secret,
            replica,
            lease,
        };
        let lost = index.renew().await?;
        if lost > 0 {
            tracing::warn!(
                operations = lost,
                "a process that is gone left operations whose outcome is unknown"
            );
        }
        Ok(index)
    }

    /// In PostgreSQL, with another lease than a minute; the same for all who share the database.
    ///
    /// It has no effect on a file of SQLite's.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use longhaul_gateway::replay::SqlIndex;
    ///
    /// # async fn example() -> Result<(), longhaul::BoxError> {
    /// let index = SqlIndex::open("postgres://localhost/gateway").await?.with_lease(Duration::from_secs(20));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        // A file of SQLite's is nobody else's.
        if !self.lease.is_zero() {
            self.lease = lease;
        }
        self
    }

    /// A row of an operation that begins, for tests.
    #[doc(hidden)]
    pub fn row_for_tests(&self, key: u8) -> Row {
        let id = PublicId::of_digits(&format!("{key:032x}")).unwrap_or_else(|| unreachable!());
        let scope = Scope::of("tests");
        Row::begun(
            id,
            scope,
            "tests".to_owned(),
            Some(Digest([key; 32])),
            Digest([key; 32]),
            None,
        )
    }
}

impl fmt::Debug for SqlIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlIndex").finish_non_exhaustive()
    }
}
