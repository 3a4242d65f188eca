//! The writing side: an attempt's entry is durable before its first byte leaves, and closed once, whatever happens.
//!
//! One task writes. Attempts hand openings and closings to its queue, in the order in which they happen, and it writes
//! what waits there in one transaction: many attempts share the cost of one commit, and a single one waits for no timer.
//!
//! An opening is a row of `running`; its closing moves it to `attempts`. What is left in `running` by a writer that died
//! is closed as lost by whoever opens the ledger next, or, on PostgreSQL, by another writer once the lease has run out.
//!
//! Why not write the entry behind the call, which would be faster: a process that dies between the two has spent money that nobody
//! knows of. A commit takes milliseconds, and the call that waits for it takes minutes.

mod alive;
mod batch;
mod builder;
mod entry;
mod inbox;
#[cfg(feature = "postgres")]
mod lease;
#[cfg(all(feature = "sqlite", unix))]
mod open_file;
mod queue;
mod recover;
mod sink;
mod task;
mod task_sink;
mod writer;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use longhaul::{
    attempt::Attempt,
    billing::{self, Closing, Ledger, Opening},
};
use tokio::{sync::oneshot, time::timeout};

use self::{
    batch::Closed,
    entry::Entry,
    queue::{Message, Queue, Waiting},
    task::TaskNote,
    task_sink::EntryTasks,
};
pub use self::{
    builder::{Builder, WhenUnreachable},
    entry::{DurableSlot, Opened},
    recover::{recover, recover_despite_damage},
    task::{LostSubmit, TaskHandle, TaskState},
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    location::Location,
    store::{Store, Stored},
};

/// A ledger that survives a crash: in a file of SQLite's, or in a PostgreSQL database that several processes write to.
///
/// What it confirms is on the disk: `synchronous=FULL` in a write-ahead log, or `synchronous_commit=on`; it reads these
/// settings back and refuses a database that does otherwise. It is cheap to clone; when the last clone and the last entry
/// are gone, what was handed over is written and the writer ends. [`close`](Self::close) waits for that.
///
/// ```no_run
/// use longhaul::{Stack, policy::Policy};
/// use longhaul_ledger::DurableLedger;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let ledger = DurableLedger::open("spend.db").await?;
/// for lost in ledger.recovered() {
///     eprintln!("lost with the last process: {:?}", lost.record.opening);
/// }
/// let stack = Stack::new(Policy::nano_banana_pro())?.with_ledger(ledger.clone());
/// // … after some calls:
/// ledger.close().await?;
/// # Ok(()) }
/// ```
///
/// In PostgreSQL, for a fleet:
///
/// ```no_run
/// use std::time::Duration;
/// use longhaul_ledger::{DurableLedger, WhenUnreachable};
///
/// # async fn example() -> Result<(), longhaul_ledger::LedgerError> {
/// let ledger = DurableLedger::builder("postgres://ledger@db.example.com/spend".parse()?)
///     .name("gateway-1")
///     .lease(Duration::from_secs(30))
///     .when_unreachable(WhenUnreachable::SpendAndWriteLater)
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DurableLedger(Arc<Shared>);

struct Shared {
    store: Store,
    queue: Queue,
    recovered: Vec<Stored>,
    patience: Duration,
    pages: Arc<AtomicU32>,
}

impl DurableLedger {
    fn new(
        store: Store,
        queue: Queue,
        recovered: Vec<Stored>,
        patience: Duration,
        pages: Arc<AtomicU32>,
    ) -> Self {
        Self(Arc::new(Shared {
            store,
            queue,
            recovered,
            patience,
            pages,
        }))
    }

    /// Opens the ledger at `location`, the path of a file or a `postgres://` URL, as [`Builder::open`] does by default.
    ///
    /// # Errors
    ///
    /// [`Location`](LedgerErrorKind::Location) for what is no place, and those of [`Builder::open`].
    pub async fn open(location: &str) -> Result<Self, LedgerError> {
        Self::builder(location.parse()?).open().await
    }

    /// Opens a ledger with settings.
    pub fn builder(location: Location) -> Builder {
        Builder::new(location)
    }

    /// What a writer that is gone left open, found when this ledger was opened, and closed by it: see [`recover`].
    ///
    /// Each may have been charged, and nobody has its picture: look them up in the provider's log, or claim them.
    pub fn recovered(&self) -> &[Stored] {
        &self.0.recovered
    }

    /// The same ledger, to read from.
    ///
    /// What still waits in the writer's queue is not there before a [`flush`](Self::flush).
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Ends when everything that was handed over so far is durable; fails where that takes longer than
    /// [patience](Builder::patience) lasts, or the database is full. What could not be written yet is tried again.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use http_body_util::{BodyExt, Full};
    /// use longhaul::{Class, Stack, policy::Policy};
    /// use longhaul_ledger::{DurableLedger, Filter, Location};
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::{Layer, ServiceExt};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let ledger = DurableLedger::builder(Location::Sqlite(folder.path().join("spend.db"))).open().await?;
    /// let provider = Provider::builder().speed(100_000.0).image_weight(Weight::Tiny).build()?;
    /// let client = Stack::new(Policy::nano_banana_pro())?.with_ledger(ledger.clone()).layer(provider);
    ///
    /// let request = http::Request::post("https://relay.example.com/v1/images/generations")
    ///     .header("content-type", "application/json")
    ///     .body(Full::<bytes::Bytes>::from(r#"{ "model": "nano-banana-pro", "prompt": "a cat" }"#))?;
    /// client.oneshot(request).await?.into_body().collect().await?;
    ///
    /// ledger.flush().await?;
    /// let stored = &ledger.store().records(&Filter::default()).await?[0];
    /// assert_eq!(stored.record.closing.as_ref().unwrap().outcome.class, Class::Delivered);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub async fn flush(&self) -> Result<(), LedgerError> {
        let (waiting, written) = Waiting::now();
        self.0.queue.send(Message::Flush(Some(waiting)))?;
        let closed = |_| Err(LedgerErrorKind::Closed.into());
        written.await.unwrap_or_else(closed)
    }

    /// Notes a [task](TaskHandle) that an attempt submitted, or what became of it: durable when this ends well. A second
    /// note of the same task of the same entry stands in the place of the first, as long as the task is open.
    ///
    /// # Errors
    ///
    /// [`Setting`](LedgerErrorKind::Setting) with the field for what has no place in the ledger. Others as of
    /// [`flush`](Self::flush): the note is written all the same as soon as that can be done.
    pub async fn note_task(&self, handle: TaskHandle) -> Result<(), LedgerError> {
        handle.check()?;
        self.0.queue.note(TaskNote::Handle(handle)).await
    }

    /// Notes how a [task](TaskHandle) ended that outlived its attempt, and with it how that attempt ended: `closing` stands in
    /// the place of what was written down for the entry, which was opened as `opening` says. Of several that collect the same
    /// task the first is written, and no other.
    ///
    /// # Errors
    ///
    /// As of [`note_task`](Self::note_task).
    pub async fn close_task(
        &self,
        handle: TaskHandle,
        opening: Opening,
        closing: Closing,
    ) -> Result<(), LedgerError> {
        handle.check()?;
        let known = Closed {
            entry: Arc::new(Entry::of(handle.entry, opening)),
            closing: Box::new(closing),
        };
        self.0.queue.note(TaskNote::Known { handle, known }).await
    }

    /// Writes everything that was handed over so far, gives back the lease or the lock, and refuses what comes later.
    /// A file of SQLite's is whole by itself then: no log is left beside it, unless another process reads it.
    ///
    /// An error says that not everything could be written; the ledger is closed all the same. Entries that are open now
    /// are found as lost by whoever opens the ledger next: close it when the attempts have ended.
    pub async fn close(&self) -> Result<(), LedgerError> {
        let flushed = self.flush().await;
        self.0.queue.status().close();
        // Whoever closes the file last puts it in order: the writer.
        let _ = timeout(self.0.patience, self.0.store.close_file()).await;
        let (stop, stopped) = oneshot::channel();
        self.0.queue.send(Message::Stop(stop))?;
        // It also ends where the writer is gone with its runtime.
        let _ = stopped.await;
        flushed
    }

    /// For tests: as if the disk had room for so many pages of SQLite's, from the next commit on.
    #[doc(hidden)]
    pub fn limit_pages(&self, pages: u32) {
        self.0.pages.store(pages, Ordering::Relaxed);
    }

    /// For tests and benchmarks: an entry without an attempt.
    #[doc(hidden)]
    pub fn open_entry(&self, opening: Opening) -> (DurableSlot, Opened) {
        let entry = Arc::new(Entry::new(opening));
        let opened = match self.0.queue.open(&entry) {
            Ok(Some(written)) => Opened::when(written),
            Ok(None) => Opened::done(Ok(())),
            Err(refused) => {
                entry.forget();
                Opened::done(Err(refused))
            }
        };
        let queue = self.0.queue.clone();
        (DurableSlot { queue, entry }, opened)
    }
}

impl Ledger for DurableLedger {
    type Slot = DurableSlot;
    type Opened = Opened;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (billing::Entry<DurableSlot>, Opened) {
        let (slot, opened) = self.open_entry(opening);
        let tasks = EntryTasks::new(self.0.queue.clone(), slot.entry.clone());
        attempt.set_task_sink(Arc::new(tasks));
        (billing::Entry::armed(attempt, slot), opened)
    }
}

impl fmt::Debug for DurableLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableLedger")
            .field("location", self.0.store.location())
            .field("held", &self.0.queue.status().held())
            .finish_non_exhaustive()
    }
}
