//! The one way from the attempts to the writer: openings and closings in the order in which they happened.
//!
//! The channel is unbounded, because neither end may wait: openings are handed over by a synchronous call, closings by
//! destructors. What bounds it is the layer above: an attempt waits for its opening before it can close, so that each
//! running attempt has two records in it at most, and the few notes of its task. While the database is away
//! [`held`](super::Builder::held) bounds the openings.
//!
//! One channel for openings and closings keeps their order. With two, a closing could overtake its opening, and the row
//! would stay open for ever.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use longhaul::billing::Closing;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{WhenUnreachable, entry::Entry, task::TaskNote};
use crate::error::{LedgerError, LedgerErrorKind};

/// Whom to tell that everything up to here is durable, or why not.
pub(super) type Done = oneshot::Sender<Result<(), LedgerError>>;

/// A record to write, or a request to the writer.
pub(super) enum Message {
    /// Counted in `held`, as `Close` is.
    Open {
        entry: Arc<Entry>,
        // `None` where nobody waits for it.
        waiting: Option<Waiting>,
    },
    /// Never refused while the ledger is open. A boxed closing keeps the message as small as an opening.
    Close {
        entry: Arc<Entry>,
        closing: Box<Closing>,
    },
    /// What became known of a task. `None` once told.
    Task {
        note: Box<TaskNote>,
        waiting: Option<Waiting>,
    },
    /// `None` once told.
    Flush(Option<Waiting>),
    /// Write what is here, if that can be done now, and end; whether all of it was written is told.
    ///
    /// Sent by [`close`](super::DurableLedger::close) alone; taken even from a ledger that refuses everything else.
    Stop(oneshot::Sender<bool>),
}

impl Message {
    /// What became known of a task, for which nobody waits.
    pub(super) fn task(note: TaskNote) -> Self {
        Self::Task {
            note: Box::new(note),
            waiting: None,
        }
    }
}

/// Somebody who waits, and since when.
///
/// The time is taken when the message is handed over, so that patience counts what the caller has waited, and not what
/// one try took.
pub(super) struct Waiting {
    pub(super) since: Instant,
    pub(super) done: Done,
}

/// The senders' end; clones share it.
#[derive(Clone)]
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Message>,
    status: Arc<Status>,
}

/// What senders and the writer know of each other.
///
/// Every field is read and written without order: each answers one question by itself, and an answer that is a moment
/// old only means one record more or one less.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) when_unreachable: WhenUnreachable,
    /// Entries in memory at most while the database cannot be reached.
    pub(super) limit: usize,
    /// Records that were handed over and are neither written nor given up.
    held: AtomicUsize,
    /// The last tries failed by something that passes. Set by the writer alone.
    down: AtomicBool,
    /// Never cleared.
    closed: AtomicBool,
}

impl Status {
    pub(super) const fn new(when_unreachable: WhenUnreachable, limit: usize) -> Self {
        Self {
            when_unreachable,
            limit,
            held: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// So many records are written, or given up.
    pub(super) fn released(&self, records: usize) {
        self.held.fetch_sub(records, Ordering::Relaxed);
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// From here on everything is refused.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Queue {
    pub(super) fn new(status: Arc<Status>) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        (Self { messages, status }, receiver)
    }

    pub(super) fn status(&self) -> &Status {
        &self.status
    }

    /// Hands an opening over. When it is durable comes through the receiver; without one, it need not be waited for.
    ///
    /// Without a receiver nobody waits: the ledger spends while it is away. The limit counts all records, closings too,
    /// so that memory is bounded by it and not by the share that openings have.
    pub(super) fn open(
        &self,
        entry: &Arc<Entry>,
    ) -> Result<Option<oneshot::Receiver<Result<(), LedgerError>>>, LedgerError> {
        let status = &*self.status;
        let down = status.down.load(Ordering::Relaxed);
        let entries = status.held();
        if down && entries >= status.limit {
            return Err(LedgerErrorKind::Held { entries }.into());
        }
        let (waiting, written) = if down && status.when_unreachable.spends() {
            (None, None)
        } else {
            let (waiting, written) = Waiting::now();
            (Some(waiting), Some(written))
        };
        let entry = entry.clone();
        self.send(Message::Open { entry, waiting })?;
        Ok(written)
    }

    /// Hands over what became known of a task, and ends when it is durable.
    ///
    /// Dropped, it takes nothing back: the note is written.
    pub(super) async fn note(&self, note: TaskNote) -> Result<(), LedgerError> {
        let (waiting, written) = Waiting::now();
        self.send(Message::Task {
            note: Box::new(note),
            waiting: Some(waiting),
        })?;
        let closed = |_| Err(LedgerErrorKind::Closed.into());
        written.await.unwrap_or_else(closed)
    }

    /// Refused once the ledger is closed.
    ///
    /// The check and the sending are two steps. A record that comes between the two is behind the writer's last batch,
    /// and is dropped with the queue; for an entry that means lost, as if the process had died there.
    pub(super) fn send(&self, message: Message) -> Result<(), LedgerError> {
        let closed = || LedgerError::from(LedgerErrorKind::Closed);
        if self.status.closed.load(Ordering::Relaxed) && !matches!(message, Message::Stop(_)) {
            return Err(closed());
        }
        if matches!(message, Message::Open { .. } | Message::Close { .. }) {
            self.status.held.fetch_add(1, Ordering::Relaxed);
        }
        self.messages.send(message).map_err(|_| closed())
    }
}

impl Waiting {
    pub(super) fn now() -> (Self, oneshot::Receiver<Result<(), LedgerError>>) {
        let (done, written) = oneshot::channel();
        let since = Instant::now();
        (Self { since, done }, written)
    }

    /// Whoever no longer waits need not be told.
    pub(super) fn tell(self, result: Result<(), LedgerError>) {
        let _ = self.done.send(result);
    }
}
