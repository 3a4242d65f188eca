//! The one way from the attempts to the writer: openings and closings in the order in which they happened.

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

pub(super) enum Message {
    Open {
        entry: Arc<Entry>,
        // `None` where nobody waits for it.
        waiting: Option<Waiting>,
    },
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
    /// Write what is here, if that can be done now, and end.
    Stop(oneshot::Sender<()>),
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
#[derive(Debug)]
pub(super) struct Status {
    pub(super) when_unreachable: WhenUnreachable,
    /// Entries in memory at most while the database cannot be reached.
    pub(super) limit: usize,
    held: AtomicUsize,
    down: AtomicBool,
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
