//! The ledger that the attempts are written into, and how much there is of it.
//!
//! A ledger in memory is drained after each round and must then be empty; a durable one keeps its entries, and may grow
//! by these alone. Both are asked the same three questions.

use std::{error::Error, fs, path::PathBuf, time::SystemTime};

use jiff::Timestamp;
use longhaul::billing::{Ledger, MemoryLedger, Record};
use longhaul_ledger::{DurableLedger, Filter};
use longhaul_testing::Postgres;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// SQLite's log is used again from 8,000 pages on, each of 4 KiB with a frame around it; the batch that gets there is still
/// written.
const LOG: u64 = 9_000 * 4_120;

/// Which ledger the attempts are written into
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Kind {
    Memory,
    /// In a file of its own
    Sqlite,
    /// On a server of its own
    Postgres,
}

/// How much there is of a ledger.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Extent {
    /// Entries that nobody needs any more: not closed, or in memory and not drained.
    pub(super) left: usize,
    /// Entries that lie in a database.
    pub(super) stored: usize,
    /// What the database takes for them.
    pub(super) bytes: u64,
}

/// A ledger for the soak.
pub(super) trait Book {
    type Ledger: Ledger + Clone;

    fn ledger(&self) -> Self::Ledger;

    /// How many entries are open.
    async fn open(&self) -> Result<usize, Box<dyn Error>>;

    /// The entries of the round that ends now.
    async fn round(&mut self) -> Result<Vec<Record>, Box<dyn Error>>;

    /// How much there is of it, between two rounds.
    async fn extent(&mut self) -> Result<Extent, Box<dyn Error>>;
}

/// Drained after each round.
impl Book for MemoryLedger {
    type Ledger = Self;

    fn ledger(&self) -> Self {
        self.clone()
    }

    async fn open(&self) -> Result<usize, Box<dyn Error>> {
        Ok(self.records().iter().filter(|it| it.is_open()).count())
    }

    async fn round(&mut self) -> Result<Vec<Record>, Box<dyn Error>> {
        Ok(self.drain())
    }

    async fn extent(&mut self) -> Result<Extent, Box<dyn Error>> {
        Ok(Extent {
            left: self.records().len(),
            ..Extent::default()
        })
    }
}

/// A durable ledger, which keeps what is written.
pub(super) struct Durable {
    ledger: DurableLedger,
    database: Database,
    /// When the round began: between two of them nothing is written.
    since: SystemTime,
    stored: usize,
}

enum Database {
    Sqlite {
        connection: SqliteConnection,
        log: PathBuf,
        _folder: TempDir,
    },
    Postgres {
        // Kept open, so that it is in no count of sockets more than once.
        connection: PgConnection,
        _server: Postgres,
    },
}

impl Durable {
    pub(super) async fn sqlite() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("soak.db");
        let location = file.to_string_lossy().into_owned();
        let ledger = DurableLedger::open(&location).await?;
        let database = Database::Sqlite {
            connection: SqliteConnection::connect(&location).await?,
            log: file.with_extension("db-wal"),
            _folder: folder,
        };
        Self::of(ledger, database).await
    }

    pub(super) async fn postgres() -> Result<Self, Box<dyn Error>> {
        let _server = Postgres::start().ok_or("PostgreSQL is not installed")?;
        let location = _server.database();
        let ledger = DurableLedger::open(&location).await?;
        let database = Database::Postgres {
            connection: PgConnection::connect(&location).await?,
            _server,
        };
        Self::of(ledger, database).await
    }

    async fn of(ledger: DurableLedger, database: Database) -> Result<Self, Box<dyn Error>> {
        let since = Timestamp::now().try_into()?;
        // Readers open a connection where all are taken, four at most, and each keeps its prepared statements: all of it
        // now, so that nothing comes later.
        let filter = Filter::opened(since..since);
        let read = || ledger.store().records(&filter);
        tokio::try_join!(read(), read(), read(), read())?;
        Ok(Self {
            ledger,
            database,
            since,
            stored: 0,
        })
    }
}

impl Book for Durable {
    type Ledger = DurableLedger;

    fn ledger(&self) -> DurableLedger {
        self.ledger.clone()
    }

    async fn open(&self) -> Result<usize, Box<dyn Error>> {
        self.ledger.flush().await?;
        Ok(self.ledger.store().running().await?.len())
    }

    async fn round(&mut self) -> Result<Vec<Record>, Box<dyn Error>> {
        self.ledger.flush().await?;
        let now = Timestamp::now().try_into()?;
        let filter = Filter::opened(self.since..now);
        let stored = self.ledger.store().records(&filter).await?;
        self.since = now;
        self.stored += stored.len();
        Ok(stored.into_iter().map(|stored| stored.record).collect())
    }

    async fn extent(&mut self) -> Result<Extent, Box<dyn Error>> {
        let bytes = match &mut self.database {
            // Its pages, wherever they lie; the log only as far as it is longer than it is meant to get.
            Database::Sqlite {
                connection, log, ..
            } => {
                let pages =
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
                let bytes: i64 = sqlx::query_scalar(pages).fetch_one(connection).await?;
                let log = fs::metadata(log).map_or(0, |log| log.len());
                u64::try_from(bytes)? + log.saturating_sub(LOG)
            }
            Database::Postgres { connection, .. } => {
                let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
                    .fetch_one(connection)
                    .await?;
                bytes.try_into()?
            }
        };
        Ok(Extent {
            left: self.open().await?,
            stored: self.stored,
            bytes,
        })
    }
}
