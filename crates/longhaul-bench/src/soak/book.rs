//! The ledger that the attempts are written into, and how much there is of it.

use std::{error::Error, fs, path::PathBuf, time::SystemTime};

use jiff::Timestamp;
use longhaul::billing::{Ledger, MemoryLedger, Record};
use longhaul_ledger::{DurableLedger, Filter};
use longhaul_testing::Postgres;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

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
        file: PathBuf,
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
        let _folder = folder;
        Self::at(&location, Database::Sqlite { file, _folder }).await
    }

    pub(super) async fn postgres() -> Result<Self, Box<dyn Error>> {
        let _server = Postgres::start().ok_or("PostgreSQL is not installed")?;
        let location = _server.database();
        let connection = PgConnection::connect(&location).await?;
        let database = Database::Postgres {
            connection,
            _server,
        };
        Self::at(&location, database).await
    }

    async fn at(location: &str, database: Database) -> Result<Self, Box<dyn Error>> {
        let ledger = DurableLedger::open(location).await?;
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
            Database::Sqlite { file, .. } => {
                let log = file.with_extension("db-wal");
                fs::metadata(file)?.len() + fs::metadata(log).map_or(0, |log| log.len())
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
