//! The ledger of [`Stack::new`](crate::Stack::new): what a program wants that asks at its end what it has spent, and what
//! tests read.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    future::{Ready, ready},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    claims::{Claim, ClaimRules, claims},
    ledger::{Entry, Ledger, Slot},
    record::{Closing, Opening, Record},
    totals::Totals,
};
use crate::{
    attempt::{Attempt, OperationId, TaskAnswer, TaskEnd, TaskHandle, TaskNoted, TaskSink},
    error::BoxError,
};

/// A ledger in memory; clones share it.
///
/// It is as durable as the process, and it keeps every entry, some hundred bytes each, until it is
/// [drained](Self::drain): made for tests, and for programs that end. What must survive a crash belongs
/// into a ledger on disk.
///
/// ```
/// use longhaul::{Stack, billing::MemoryLedger, policy::Policy};
///
/// let ledger = MemoryLedger::new();
/// let stack = Stack::new(Policy::nano_banana_pro())?.with_ledger(ledger.clone());
/// // … make calls; then, from time to time, take what has ended:
/// for record in ledger.drain() {
///     println!("{record:?}");
/// }
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<Entries>>);

/// Entries by the number in which they were opened.
#[derive(Default)]
struct Entries {
    next: u64,
    records: BTreeMap<u64, Record>,
}

impl MemoryLedger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every entry, in the order of opening.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Class, Stack, StackRequestBody, policy::Policy};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let provider = service_fn(async |_: Request<StackRequestBody<Full<Bytes>>>| {
    ///     Response::builder().status(401).body(Full::<Bytes>::default())
    /// });
    /// let stack = Stack::new(Policy::nano_banana_pro())?;
    /// let request = Request::post("https://api.example.com/v1/images/generations").body(Full::<Bytes>::default())?;
    /// stack.layer(provider).oneshot(request).await?;
    ///
    /// let records = stack.ledger().records();
    /// assert_eq!(records[0].opening.provider.as_deref(), Some("api.example.com"));
    /// assert_eq!(records[0].closing.as_ref().unwrap().outcome.class, Class::ClientError);
    /// assert_eq!(stack.ledger().operation(records[0].opening.operation), records);
    /// # Ok(()) }
    /// ```
    pub fn records(&self) -> Vec<Record> {
        self.entries().records.values().cloned().collect()
    }

    /// The entries of one operation, in the order of opening.
    ///
    /// ```
    /// # let (attempt, _) = longhaul::Attempt::enter(&mut http::Extensions::new());
    /// use longhaul::billing::{Ledger, MemoryLedger, Opening};
    ///
    /// let ledger = MemoryLedger::new();
    /// let (_entry, _opened) = ledger.open(&attempt, Opening::new(attempt.operation(), 1));
    /// assert_eq!(ledger.operation(attempt.operation()).len(), 1);
    /// ```
    pub fn operation(&self, operation: OperationId) -> Vec<Record> {
        let entries = self.entries();
        let records = entries.records.values();
        let of_operation = records.filter(|record| record.opening.operation == operation);
        of_operation.cloned().collect()
    }

    /// What the provider owes back, by `rules`.
    ///
    /// Asked while attempts run, it leaves their operations out of the rule for undelivered pictures: they may still come.
    pub fn claims(&self, rules: &ClaimRules) -> Vec<Claim> {
        claims(&self.records(), rules)
    }

    /// What was spent, for certain and at most.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.records())
    }

    /// Takes out the entries of operations of which no attempt runs, in the order of opening.
    ///
    /// An operation that waits between two attempts is taken out too: put its entries together again
    /// before asking for [`claims`].
    ///
    /// ```
    /// # let (attempt, _) = longhaul::Attempt::enter(&mut http::Extensions::new());
    /// use longhaul::billing::{Ledger, MemoryLedger, Opening};
    ///
    /// let ledger = MemoryLedger::new();
    /// let (entry, _opened) = ledger.open(&attempt, Opening::new(attempt.operation(), 1));
    /// assert_eq!(ledger.drain(), [], "the attempt runs");
    /// drop(entry);
    /// assert_eq!(ledger.drain().len(), 1);
    /// assert_eq!(ledger.records(), [], "it was taken out");
    /// ```
    pub fn drain(&self) -> Vec<Record> {
        let mut entries = self.entries();
        let records = entries.records.values();
        let running: HashSet<_> = records
            .filter(|record| record.is_open())
            .map(|record| record.opening.operation)
            .collect();
        let (open, ended) = mem::take(&mut entries.records)
            .into_iter()
            .partition(|(_, record)| running.contains(&record.opening.operation));
        let ended: BTreeMap<_, _> = ended;
        entries.records = open;
        ended.into_values().collect()
    }

    pub(super) fn insert(&self, opening: Opening) -> MemorySlot {
        let mut entries = self.entries();
        let id = entries.next;
        entries.next += 1;
        let closing = None;
        entries.records.insert(id, Record { opening, closing });
        MemorySlot {
            id,
            ledger: self.clone(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Entries are written whole: a panic elsewhere cannot have left one half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    type Slot = MemorySlot;
    type Opened = Ready<Result<(), BoxError>>;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<MemorySlot>, Self::Opened) {
        let slot = self.insert(opening);
        attempt.set_task_sink(Arc::new(MemoryTasks(slot.clone())));
        (Entry::armed(attempt, slot), ready(Ok(())))
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger")
            .field("records", &self.entries().records.len())
            .finish_non_exhaustive()
    }
}

/// The place of one entry in a [`MemoryLedger`].
#[derive(Clone, Debug)]
pub struct MemorySlot {
    ledger: MemoryLedger,
    id: u64,
}

impl Slot for MemorySlot {
    fn close(self, closing: Closing) {
        // An open entry is never drained.
        self.set(closing);
    }

    fn withdraw(self, _: Closing) {
        self.ledger.entries().records.remove(&self.id);
    }
}

impl MemorySlot {
    /// Whether the entry is still there.
    fn set(&self, closing: Closing) -> bool {
        let mut entries = self.ledger.entries();
        let record = entries.records.get_mut(&self.id);
        record
            .map(|record| record.closing = Some(closing))
            .is_some()
    }
}

/// Told what came of the task of one entry. A process that ends loses its handle, as it loses the ledger.
#[derive(Debug)]
struct MemoryTasks(MemorySlot);

impl TaskSink for MemoryTasks {
    fn submits(&self, _: Option<&str>) -> TaskNoted {
        Box::pin(ready(Ok(())))
    }

    fn note(&self, _: &TaskHandle) -> TaskNoted {
        Box::pin(ready(Ok(())))
    }

    fn ended(&self, _: &TaskHandle, _: TaskEnd) {}

    fn collected(&self, _: &TaskHandle, _: TaskEnd, answer: &TaskAnswer) -> bool {
        self.0.set(Closing::of_task(answer))
    }
}
