//! The one task that writes: it takes what waits in the queue, writes it in one transaction, and tells those who wait.
//!
//! While one commit runs, the next batch gathers in the queue: the more attempts there are, the more share a commit.
//!
//! # Why one task
//!
//! SQLite has one writer anyway, and a commit on it waits for the disk: with commits of its own for each attempt a
//! thousand attempts a second would need two thousand flushes. One task that writes what has gathered needs one flush
//! for all that came during the last one, and an opening waits for two commits at most, as long as no more than
//! [`BATCH`] records wait with it. No timer is involved: an attempt that is alone is written at once.
//!
//! # Invariants
//!
//! - A record leaves the batch only when it is durable, or when it was an opening that was refused and is in no table.
//! - A closing is written after its opening, or together with it as one row. Both go through one queue, and a batch is
//!   written before the next is taken.
//! - A try may be repeated. Every statement does nothing where its row is there already, so that a commit whose answer
//!   was lost does no harm.
//! - Those who wait are told once: written, refused, or (where the ledger spends) allowed.
//!
//! `tests/durable/contract.rs` keeps these for both databases, `full.rs` for a disk without room, and `postgres.rs` for
//! a server that goes away, hangs, and comes back.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::yield_now,
    time::{sleep, timeout_at},
};

use super::{
    alive::Alive,
    batch::Batch,
    inbox::Inbox,
    queue::{Message, Status},
    sink::Sink,
};
use crate::error::{LedgerError, LedgerErrorKind};

/// Records in one transaction at most: enough to share its cost, few enough to be quick.
///
/// Larger than the largest prepared statement of SQLite's (256 rows), so that a full batch takes each statement four
/// times.
const BATCH: usize = 1024;

/// Between two tries to write, from the second failure on, doubling.
///
/// The first try again comes at once: a connection that a failover cut is connected anew, and that is all that was
/// wrong. A second at most between tries means that a database that is back is noticed within a second.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Owned by its task: no other code holds any of it, and so nothing is locked.
pub(super) struct Writer {
    sink: Sink,
    inbox: Inbox,
    batch: Batch,
    // Why the last try failed, where it did.
    failing: Option<LedgerError>,
    alive: Alive,
}

impl Writer {
    pub(super) fn new(
        messages: UnboundedReceiver<Message>,
        status: Arc<Status>,
        patience: Duration,
        sink: Sink,
        alive: Alive,
    ) -> Self {
        Self {
            sink,
            inbox: Inbox {
                messages,
                backlog: VecDeque::new(),
                stop: None,
                status,
                patience,
            },
            batch: Batch::default(),
            failing: None,
            alive,
        }
    }

    /// Writes until it is stopped, or nobody is left who could hand anything over.
    ///
    /// Once it is stopped it writes what was handed over before, and ends with that, or with the first try that fails:
    /// a commit that succeeds shows that the database is there, however long it took. Whether something was left over
    /// decides whether the lock counts as given back.
    pub(super) async fn run(mut self) {
        while self.fill().await {
            self.write().await;
            if self.inbox.stop.is_some() && (self.failing.is_some() || self.is_empty()) {
                break;
            }
        }
        let written = self.is_empty();
        self.alive.end(self.sink, written).await;
        if let Some(stopped) = self.inbox.stop.take() {
            let _ = stopped.send(written);
        }
    }

    /// Nothing that was taken out of the queue waits to be written.
    fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.inbox.backlog.is_empty()
    }

    /// Waits until there is something to write; `false` where nothing will come any more.
    ///
    /// The single yield before the queue is emptied makes batches fuller: tasks that were woken by the last commit run
    /// now and hand over their records, and those go into this commit in the place of the next.
    async fn fill(&mut self) -> bool {
        let Self { inbox, batch, .. } = self;
        if inbox.backlog.is_empty() && batch.is_empty() {
            match inbox.messages.recv().await {
                Some(message) => inbox.backlog.push_back(message),
                None => return false,
            }
            // Whoever is about to hand something over does so first, and shares the commit.
            yield_now().await;
        }
        while batch.taken < BATCH {
            let Some(message) = inbox.next() else { break };
            match message {
                Message::Stop(stopped) => {
                    inbox.stop = Some(stopped);
                    break;
                }
                message => batch.take(message),
            }
        }
        // What was closed at once is written as a whole.
        batch.openings.retain(|entry| !entry.is_closed());
        true
    }

    /// Writes the batch, however often it takes; gives up only where the openings of it are refused and nothing is
    /// left, or when the ledger is stopped.
    ///
    /// The wait is at most a second, and a stop that comes meanwhile is seen after the next try: closing a ledger whose
    /// database is away takes one try longer than patience.
    async fn write(&mut self) {
        let mut wait = Duration::ZERO;
        while !self.batch.is_empty() {
            match self.try_to_write().await {
                Ok(()) => {
                    self.failing = None;
                    self.inbox.status.set_down(false);
                    self.inbox.status.released(self.batch.written());
                }
                Err(error) => {
                    self.failed(&error, wait.is_zero());
                    self.failing = Some(error);
                    if self.inbox.stop.is_some() {
                        return;
                    }
                    sleep(wait).await;
                    wait = (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
                }
            }
        }
    }

    /// One try, and meanwhile an eye on those who wait.
    ///
    /// The try itself is not cancelled when patience ends: for SQLite that cannot be done, and of a commit that was
    /// abandoned nobody knows whether it happened. Those who wait are let go, and the try goes on until it succeeds or
    /// fails by its own limits.
    async fn try_to_write(&mut self) -> Result<(), LedgerError> {
        let Self {
            sink,
            inbox,
            batch,
            failing,
            ..
        } = self;
        let silent = || LedgerErrorKind::Unreachable.into();
        let Batch {
            openings,
            closings,
            tasks,
            waiting,
            ..
        } = batch;
        let mut writing = pin!(sink.write(openings, closings, tasks));
        loop {
            let deadline = inbox.patience_ends(waiting);
            match timeout_at(deadline, &mut writing).await {
                Ok(result) => return result,
                Err(_) => {
                    inbox.status.set_down(true);
                    inbox.gather();
                    // What the last try was told says more than silence.
                    let why = failing.clone().unwrap_or_else(silent);
                    inbox.lose_patience(waiting, &why);
                }
            }
        }
    }

    /// Decides what becomes of those who wait, after a try that failed.
    ///
    /// Two kinds of errors. One passes by itself: the database is away or locked, and openings wait as long as their
    /// patience. The other does not: the disk is full, a file was moved, a statement is refused. Then openings are
    /// refused at once, because a caller that gets an error now can do something, and one that waits for five seconds
    /// gets the same error.
    fn failed(&mut self, error: &LedgerError, first: bool) {
        let Self { inbox, batch, .. } = self;
        inbox.gather();
        if error.passes() {
            batch.doubtful = true;
            // The first failure may be a connection that was cut while the database is there.
            inbox.status.set_down(!first);
            if !first && inbox.status.when_unreachable.spends() {
                inbox.let_spend(&mut batch.waiting);
            }
            inbox.lose_patience(&mut batch.waiting, error);
        } else {
            // Waiting does not help: nobody spends what cannot be written down.
            inbox.status.released(batch.refuse(error));
            inbox.refuse(error);
        }
    }
}
