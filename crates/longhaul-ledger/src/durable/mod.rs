//! The writing side: an attempt's entry is durable before its first byte leaves, and closed once, whatever happens.
//!
//! One task writes. Attempts hand openings and closings to its queue, in the order in which they happen, and it writes
//! what waits there in one transaction: many attempts share the cost of one commit, and a single one waits for no timer.
//!
//! An opening is a row of `running`; its closing moves it to `attempts`. What is left in `running` by a writer that died
//! is closed as lost by whoever opens the ledger next, or, on PostgreSQL, by another writer once the lease has run out.
//!
//! Why not write the entry behind the call, which would be faster: a process that dies between the two has spent money
//! that nobody knows of. A commit takes milliseconds, and the call that waits for it takes minutes.
//!
//! # What is confirmed when
//!
//! | moment | what is on the disk |
//! |---|---|
//! | [`open`](longhaul::billing::Ledger::open) returns | nothing: the opening waits in the queue |
//! | [`Opened`] ends with `Ok` | the opening, as a row of `running` (but see [`SpendAndWriteLater`](WhenUnreachable)) |
//! | the slot was closed | nothing yet: the closing waits in the queue |
//! | [`flush`](DurableLedger::flush) ends with `Ok` | all that was handed over before the flush |
//! | [`close`](DurableLedger::close) ends with `Ok` | everything, in one file without a log beside it |
//!
//! Nobody waits for a closing, because nothing depends on it: an attempt whose closing is missing after a crash is
//! found as lost. That counts money which perhaps was not charged, and never leaves out money that was. An opening is
//! waited for, because the first byte depends on it.
//!
//! # What a crash leaves behind
//!
//! | the process dies | what the tables hold | what the next start makes of it |
//! |---|---|---|
//! | before the opening is committed | nothing, and nothing was sent | nothing |
//! | after that, until the closing is committed | a row of `running` | an attempt that ended as [`Lost`](longhaul::End::Lost) |
//! | in the middle of a commit | all of that transaction, or nothing of it | one of the two above |
//! | after a submit was noted, before its handle | also a row of `submits` | also a [`LostSubmit`] |
//! | after a task's handle was noted | also a row of `task_handles` | also an [open task](crate::Store::open_tasks) |
//!
//! A lost attempt has the class [`UnknownOutcome`](longhaul::Class::UnknownOutcome) and its probability of being
//! charged, 0.9. An open task can be collected without a second submit.
//!
//! The rows of a dead writer are told from those of a living one by a lock (a file) or a lease (PostgreSQL).
//! `contract.rs` and `tasks.rs` in `tests/durable` hold both databases to this table.

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
/// A file has one writer: a second process is refused with [`InUse`](LedgerErrorKind::InUse). Several processes that
/// write share a PostgreSQL database. Without a
/// [`BillingCompensationTracker`](longhaul::billing::BillingCompensationTracker) in the stack nothing is written: the
/// ledger itself watches no calls.
///
/// Do not use it where the books may be forgotten with the process, as in a test:
/// [`MemoryLedger`](longhaul::billing::MemoryLedger) costs no commit for each attempt.
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

/// What the clones of a ledger share. It holds only the sender's half of the queue: the writer itself is a task, so
/// that a clone that is dropped inside a destructor neither waits nor writes.
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
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{DurableLedger, LedgerErrorKind};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("spend.db");
    /// let ledger = DurableLedger::open(path.to_str().unwrap()).await?;
    /// // One writer for a file.
    /// let second = DurableLedger::open(path.to_str().unwrap()).await.unwrap_err();
    /// assert!(matches!(second.kind(), LedgerErrorKind::InUse { .. }));
    /// ledger.close().await?;
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Location`](LedgerErrorKind::Location) for what is no place, and those of [`Builder::open`].
    pub async fn open(location: &str) -> Result<Self, LedgerError> {
        Self::builder(location.parse()?).open().await
    }

    /// Opens a ledger with settings.
    ///
    /// Nothing is opened or checked before [`Builder::open`].
    pub fn builder(location: Location) -> Builder {
        Builder::new(location)
    }

    /// The entries that a dead writer left open, and that opening this ledger closed as lost: see [`recover()`].
    ///
    /// Each may have been charged, and nobody has its picture: look them up in the provider's log, or claim them.
    ///
    /// On PostgreSQL other writers recover too, while they run and when they start: an entry of a dead process is in
    /// the list of the one that closed it, and in no other. To have all of them, read the entries of the class
    /// [`UnknownOutcome`](longhaul::Class::UnknownOutcome) whose end is [`Lost`](longhaul::End::Lost).
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul::{Class, End};
    /// use longhaul_ledger::DurableLedger;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let dying = location.clone();
    /// # std::thread::spawn(move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// #     let ledger = DurableLedger::builder(dying).open().await.unwrap();
    /// #     let operation = longhaul::OperationId::from_u128(7);
    /// #     let (slot, opened) = ledger.open_entry(longhaul::billing::Opening::new(operation, 1));
    /// #     opened.await.unwrap();
    /// #     std::mem::forget(slot);
    /// # })).join().unwrap();
    /// // The last process died while an attempt ran.
    /// let ledger = DurableLedger::builder(location).open().await?;
    /// let outcome = ledger.recovered()[0].record.closing.as_ref().unwrap().outcome;
    /// assert_eq!((outcome.end, outcome.class), (End::Lost, Class::UnknownOutcome));
    /// assert!(ledger.store().running().await?.is_empty(), "it is closed");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn recovered(&self) -> &[Stored] {
        &self.0.recovered
    }

    /// The same ledger, to read from.
    ///
    /// What still waits in the writer's queue is not there before a [`flush`](Self::flush).
    ///
    /// It may also write what becomes of claims. It reads over connections of its own, so that a long report delays no
    /// commit; after [`close`](Self::close) it opens new ones.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// assert!(ledger.store().running().await?.is_empty());
    /// assert_eq!(ledger.store().location(), &location);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Ends when everything that was handed over so far is durable; fails where that takes longer than
    /// [patience](Builder::patience) lasts, or the database is full. What could not be written yet is tried again.
    ///
    /// Dropped before it ends, it takes nothing back: what was handed over is written all the same. Call it before
    /// something outside reads the file, or in a test; the layers never need it.
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

    /// Notes a [task](TaskHandle) that an attempt submitted, or what became of it. It is durable when this ends with
    /// `Ok`. A second note of the same task of the same entry replaces the first, as long as the task is open.
    ///
    /// # Errors
    ///
    /// [`Setting`](LedgerErrorKind::Setting) with the field for what has no place in the ledger. Others as of
    /// [`flush`](Self::flush): the note is written all the same as soon as that can be done.
    ///
    /// The layers do this by themselves through the sink that [`open`](longhaul::billing::Ledger::open) puts on each
    /// attempt. Call it from a program that collects tasks later: a handle whose state is no longer
    /// [`Open`](TaskState::Open) stays as it is, whatever is noted of it afterwards.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{TaskHandle, TaskState};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::UnknownOutcome, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let entry = store.records(&Default::default()).await?[0].id;
    /// let mut handle = TaskHandle::new(entry, "fal", "764cabcf-b745-4b3e-ae38-1200304cf45b");
    /// ledger.note_task(handle.clone()).await?;
    /// assert_eq!(store.open_tasks().await?, [handle.clone()]);
    /// handle.state = TaskState::Expired;
    /// ledger.note_task(handle).await?;
    /// assert!(store.open_tasks().await?.is_empty(), "nobody asks for it again");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub async fn note_task(&self, handle: TaskHandle) -> Result<(), LedgerError> {
        handle.check()?;
        self.0.queue.note(TaskNote::Handle(handle)).await
    }

    /// Notes how a [task](TaskHandle) ended that outlived its attempt, and with it how that attempt ended: `closing`
    /// replaces what was written down for the entry, which was opened as `opening` says. Where several collect the same
    /// task, the first of them is written down, and no other.
    ///
    /// The two are written together or not at all. So the books never say that a task was collected while its attempt
    /// still counts as lost. The verdict of a provider's own log, where one was read, still counts for more than
    /// `closing`.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::Duration;
    /// use longhaul::{Class, End, Exposure, Money, Outcome, Phase, billing::Closing};
    /// use longhaul_ledger::{TaskHandle, TaskState};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::UnknownOutcome, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let stored = store.records(&Default::default()).await?.remove(0);
    /// let mut task = TaskHandle::new(stored.id, "fal", "764cabcf-b745-4b3e-ae38-1200304cf45b");
    /// ledger.note_task(task.clone()).await?;
    /// // … collected later, by whoever came next:
    /// task.state = TaskState::Collected;
    /// // The answer told its own price.
    /// let exposure = Exposure::new(Class::Delivered.charge_probability(), Some(Money::usd_micros(134_000)));
    /// let outcome = Outcome::new(End::Finished, Class::Delivered, Phase::Body, Duration::from_secs(240), exposure);
    /// ledger.close_task(task, stored.record.opening, Closing::new(outcome)).await?;
    /// let known = store.entry(stored.id).await?.unwrap().record;
    /// assert_eq!(known.closing.unwrap().outcome.class, Class::Delivered);
    /// assert_eq!(known.opening.price.unwrap().to_string(), "0.134 USD");
    /// # assert!(store.check().await?.is_sound());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
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
    /// Where the database is away it takes one try to write longer than [patience](Builder::patience). An error says that
    /// not everything could be written; the ledger is closed all the same. Entries that are open now
    /// are found as lost by whoever opens the ledger next: close it when the attempts have ended.
    ///
    /// What is handed over by another clone at the same time may come too late, and is refused with
    /// [`Closed`](LedgerErrorKind::Closed). A second `close` is refused likewise.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::Store;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// ledger.close().await?;
    /// let names: Vec<_> = std::fs::read_dir(folder.path())?.map(|entry| entry.unwrap().file_name()).collect();
    /// assert!(!names.iter().any(|name| name == "spend.db-wal"), "the file is whole by itself");
    /// assert!(ledger.flush().await.is_err(), "it is closed");
    /// assert!(Store::open(&location).await?.running().await?.is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub async fn close(&self) -> Result<(), LedgerError> {
        let flushed = self.flush().await;
        self.0.queue.status().close();
        // Whoever closes the file last puts it in order: the writer.
        let _ = timeout(self.0.patience, self.0.store.close_file()).await;
        let (stop, stopped) = oneshot::channel();
        self.0.queue.send(Message::Stop(stop))?;
        match stopped.await {
            // Also where that took longer than the flush had patience.
            Ok(true) => Ok(()),
            // Something is left over, or the writer is gone with its runtime.
            _ => flushed,
        }
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
