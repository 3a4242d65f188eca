//! How a ledger is opened: its settings, their bounds, and the order in which it takes hold of a database.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

#[cfg(all(feature = "sqlite", unix))]
use super::open_file;
use super::{
    DurableLedger,
    alive::Alive,
    queue::{Queue, Status},
    sink::{Hooks, Sink, WriterId},
    writer::Writer,
};
#[cfg(feature = "postgres")]
use super::{lease::Lease, recover, sink::Postgres};
use crate::{
    error::LedgerError,
    location::Location,
    store::{EntryId, Store, Stored},
};

/// What happens to calls while the ledger's database cannot be reached.
///
/// There is no third way: a call is either refused or made without a record that survives a crash. The default keeps the money.
///
/// ```
/// use longhaul_ledger::{DurableLedger, WhenUnreachable};
///
/// let ledger = DurableLedger::builder("spend.db".parse()?)
///     // Pictures matter more than the last minute's books: some 500 records are at stake.
///     .when_unreachable(WhenUnreachable::SpendAndWriteLater)
///     .held(500);
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum WhenUnreachable {
    /// No money is spent that cannot be accounted for: an opening waits for the database for as long as
    /// [patience](Builder::patience) lasts, and is then refused, with nothing sent.
    ///
    /// The caller gets an error of the kind [`Ledger`](longhaul::ErrorKind::Ledger), whose class is `NeverSent`: it
    /// costs nothing.
    #[default]
    Refuse,
    /// Calls go on, and their entries are written when the database is back. What is still in memory when the process
    /// dies is forgotten. An opening waits only until the database is known to be away, and is refused once too
    /// many entries are [held](Builder::held).
    ///
    /// Choose it where a picture that is late costs more than one that nobody can account for. An attempt whose entry
    /// was lost with the process can still be found in the provider's own log, by [reconciliation](crate::reconcile).
    SpendAndWriteLater,
}

impl WhenUnreachable {
    pub(super) const fn spends(self) -> bool {
        matches!(self, Self::SpendAndWriteLater)
    }
}

/// How a [`DurableLedger`] is opened.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use longhaul_ledger::{DurableLedger, Location};
///
/// let folder = tempfile::tempdir()?;
/// let ledger = DurableLedger::builder(Location::Sqlite(folder.path().join("spend.db")))
///     .name("worker-1")
///     .patience(Duration::from_secs(2))
///     .open()
///     .await?;
/// assert!(ledger.recovered().is_empty(), "it is new");
/// ledger.close().await?;
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
///
/// A builder is data: nothing happens before [`open`](Self::open), and it can be cloned and opened again.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    location: Location,
    name: Option<String>,
    lease: Duration,
    patience: Duration,
    held: usize,
    when_unreachable: WhenUnreachable,
    hooks: Hooks,
}

impl Builder {
    pub(super) fn new(location: Location) -> Self {
        Self {
            location,
            name: None,
            lease: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            held: 10_000,
            when_unreachable: WhenUnreachable::default(),
            hooks: Hooks::default(),
        }
    }

    /// Who writes, for people who look into the database or meet the lock of a file: host and process id by default.
    ///
    /// The name identifies nothing: two writers may have the same one. In the lock of a file its first 80 characters
    /// are kept, without control characters.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{DurableLedger, LedgerErrorKind};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// let first = DurableLedger::builder(location.clone()).name("gateway-1").open().await?;
    /// let refused = DurableLedger::builder(location).open().await.unwrap_err();
    /// let LedgerErrorKind::InUse { by, .. } = refused.kind() else { panic!("{refused}") };
    /// assert!(by.starts_with("gateway-1, process "));
    /// first.close().await?;
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// On PostgreSQL: after how long without a sign of life a writer counts as dead, so that others close its open
    /// entries as lost. A writer gives a sign three times in that span. 30 s by default, and a second at least.
    ///
    /// An entry that was closed as lost too early, since its writer was cut off, is put right when its writer is back
    /// and closes it.
    ///
    /// Longer than any pause of the process or of its network that is no death: a laptop's sleep, a database's failover.
    ///
    /// A file takes no notice of it. [`open`](Self::open) refuses less than a second, and more than a day. A shorter
    /// lease finds lost attempts sooner; a lease that is too short closes attempts that still run, until their writer
    /// closes them again.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// For how long an opening waits for the database before it is refused, and [`open`](Self::open) for a PostgreSQL
    /// server; 5 s by default.
    ///
    /// 5 s are meant to outlast a reconnect or a quick failover, and are little beside a call of minutes. `open`
    /// refuses zero, and more than a day. Reading is more patient than this: a report may take a minute, or as long as
    /// the patience where that is longer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many records (openings and closings) are kept in memory at most while the database cannot be reached; 10,000
    /// by default, about 1 kB each. Beyond that openings are refused. Closings never are, so that there can be more by
    /// the number of attempts that run.
    ///
    /// It bounds memory only while the database is away. While it is there, what waits is what arrived during one
    /// commit. `open` refuses 0.
    pub fn held(mut self, records: usize) -> Self {
        self.held = records;
        self
    }

    /// What happens to calls while the database cannot be reached; they are refused by default.
    ///
    /// A database that is full, or refuses to write, is reachable: then openings are refused at once in any case, and
    /// closings are kept until they can be written.
    ///
    /// For a file it decides what happens while another process holds the file locked, and while a disk answers no
    /// commit for longer than patience.
    pub fn when_unreachable(mut self, what: WhenUnreachable) -> Self {
        self.when_unreachable = what;
        self
    }

    /// For tests: every commit takes one permit of `commits` first, and waits until there is one.
    #[doc(hidden)]
    pub fn hold_commits(mut self, commits: Arc<Semaphore>) -> Self {
        self.hooks.commits = Some(commits);
        self
    }

    /// Opens the ledger: makes it where there is none yet, brings its tables up to date, and closes as lost what a dead
    /// writer left [open](DurableLedger::recovered). A PostgreSQL database has to be there; its tables need not.
    ///
    /// Must be called on a runtime of tokio's with time enabled: the writer is a task on it.
    ///
    /// If the future is dropped before it ends, no writer is left: a lock is released, a lease runs out, and what had
    /// been recovered until then stays recovered. The writer ends with the runtime on which it was opened. What was not
    /// written by then is found as lost.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use longhaul_ledger::{DurableLedger, LedgerErrorKind};
    ///
    /// let opened = DurableLedger::builder("spend.db".parse()?).patience(Duration::ZERO).open().await;
    /// let refused = opened.unwrap_err();
    /// assert!(matches!(refused.kind(), LedgerErrorKind::Setting { name, .. } if name == "patience"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](crate::LedgerErrorKind::Setting) for a lease, a patience or a number that cannot work,
    /// [`InUse`](crate::LedgerErrorKind::InUse) for a file that another process writes,
    /// [`NotDurable`](crate::LedgerErrorKind::NotDurable) for a database that forgets what it confirms,
    /// [`Damaged`](crate::LedgerErrorKind::Damaged) for one that cannot be read, and those of
    /// [`Store::open_with`](crate::Store::open_with).
    pub async fn open(self) -> Result<DurableLedger, LedgerError> {
        self.check()?;
        let name = self.name.clone().unwrap_or_else(default_name);
        let writer = EntryId::now().0;
        let (store, recovered, sink, alive) = self.parts(writer, &name).await?;
        let status = Arc::new(Status::new(self.when_unreachable, self.held));
        let (queue, messages) = Queue::new(status.clone());
        let writer = Writer::new(messages, status, self.patience, sink, alive);
        tokio::spawn(writer.run());
        Ok(DurableLedger::new(
            store,
            queue,
            recovered,
            self.patience,
            self.hooks.pages,
        ))
    }

    /// What is read, what was left open, what is written to, and what says that its writer lives.
    async fn parts(
        &self,
        writer: WriterId,
        name: &str,
    ) -> Result<(Store, Vec<Stored>, Sink, Alive), LedgerError> {
        match &self.location {
            #[cfg(all(feature = "sqlite", unix))]
            Location::Sqlite(path) => open_file::open(path, writer, name, self.hooks.clone()).await,
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => {
                let opened = self.of_database(url, writer, name);
                let opened = tokio::time::timeout(self.patience, opened).await;
                opened.unwrap_or_else(|_| Err(crate::LedgerErrorKind::Unreachable.into()))
            }
            #[allow(unreachable_patterns, reason = "where a build has all databases")]
            other => {
                let _ = (writer, name);
                Err(other.unsupported())
            }
        }
    }

    /// The order: the tables are there before the writer connects; the lease is taken before the first entry can be
    /// opened, so that no other process takes this writer for dead; and recovery comes before the first opening, so
    /// that [`recovered`](DurableLedger::recovered) never holds an entry of this writer.
    #[cfg(feature = "postgres")]
    async fn of_database(
        &self,
        url: &str,
        writer: WriterId,
        name: &str,
    ) -> Result<(Store, Vec<Stored>, Sink, Alive), LedgerError> {
        use crate::store::Access;

        let hooks = self.hooks.clone();
        // Reports take longer than commits.
        let reading = self.patience.max(Duration::from_secs(60));
        let store = Store::open_with(&self.location, Access::Create, reading).await?;
        let sink = Postgres::connect(url, writer, self.patience, hooks).await?;
        let lease = Lease::take(&store, writer, name, self.lease).await?;
        let recovered = recover::lost(&store).await?;
        let sink = Sink::Postgres(Box::new(sink));
        Ok((store, recovered, sink, Alive::Lease(lease)))
    }

    /// Refuses what cannot work before anything is touched: a file is not made for a setting that is refused
    /// afterwards. A day as the upper bound keeps every sum of an instant and a span far from overflow.
    fn check(&self) -> Result<(), LedgerError> {
        const SHORTEST_LEASE: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(24 * 3600);
        if !(SHORTEST_LEASE..=LONGEST).contains(&self.lease) {
            return Err(LedgerError::setting(
                "lease",
                "must be between a second and a day",
            ));
        }
        if self.patience.is_zero() || self.patience > LONGEST {
            return Err(LedgerError::setting(
                "patience",
                "must be longer than nothing, and a day at most",
            ));
        }
        if self.held == 0 {
            return Err(LedgerError::setting("held", "must be 1 at least"));
        }
        Ok(())
    }
}

/// `HOST:PID`. The host is read from where Linux shows it, since a container's name stands there and `HOSTNAME` is
/// often not exported; elsewhere the variable is used, and `localhost` where there is none. The name is for people, and
/// its exactness is worth no dependency.
fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.as_deref().map_or("localhost", str::trim);
    format!("{host}:{}", std::process::id())
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("location", &self.location)
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("patience", &self.patience)
            .field("held", &self.held)
            .field("when_unreachable", &self.when_unreachable)
            .finish_non_exhaustive()
    }
}
