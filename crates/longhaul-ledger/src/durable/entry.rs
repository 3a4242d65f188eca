//! An attempt's entry on its way to the writer, and the future of its opening.
//!
//! The entry is shared by three: the slot in the attempt's hands, the queue, and the batch. Two flags, each set once
//! and never cleared, tell them what became of it. No lock is needed, since closing happens in destructors, which must
//! not wait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use longhaul::{
    BoxError,
    billing::{Closing, Opening, Slot},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    queue::{Message, Queue},
    task::TaskNote,
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    store::EntryId,
};

/// An attempt's entry, shared by its slot and the writer until it is closed and written.
///
/// Its id is made when the opening is handed over, and not by the database: the slot can name it before it is durable,
/// and a try that is repeated inserts the same id, which the statements skip.
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) opening: Opening,
    // Refused before anything of it was written: no closing is owed either.
    forgotten: AtomicBool,
    // Closed before its opening was written: then it is written as a whole.
    closed: AtomicBool,
}

impl Entry {
    pub(super) fn new(opening: Opening) -> Self {
        Self::of(EntryId::now(), opening)
    }

    /// An entry that is in the tables already: what a task told later is written under its id.
    pub(super) fn of(id: EntryId, opening: Opening) -> Self {
        Self {
            id: id.0,
            opening,
            forgotten: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Release, paired with the acquire in `is_forgotten`: the slot, on another thread, must see the refusal that it
    /// was told of.
    pub(super) fn forget(&self) {
        self.forgotten.store(true, Ordering::Release);
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Relaxed is enough: the closing itself travels through the queue, which orders it.
    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// The place of one entry in a [`DurableLedger`](super::DurableLedger).
///
/// Closing hands the entry over to the writer and returns: it neither waits nor fails, with or without a runtime.
/// What the writer can no longer write, since the ledger was closed, is found as lost at the next start.
///
/// Dropping a slot without closing it writes nothing. The entry stays open, and is found as lost by the next start; the
/// layers never do that, since [`Entry`](longhaul::billing::Entry) closes when dropped.
pub struct DurableSlot {
    pub(super) queue: Queue,
    pub(super) entry: Arc<Entry>,
}

impl DurableSlot {
    /// The name of its entry: a [task](super::TaskHandle) that its attempt submits is noted under it.
    ///
    /// It leads with the time of opening, and is known before the opening is durable.
    pub fn id(&self) -> EntryId {
        EntryId(self.entry.id)
    }
}

impl Slot for DurableSlot {
    fn close(self, closing: Closing) {
        if !self.entry.is_forgotten() {
            let _ = self.queue.send(Message::Close {
                entry: self.entry,
                closing: Box::new(closing),
            });
        }
    }

    /// What was not written yet never is.
    ///
    /// The mark is set here and not when the message is taken: an opening that waits in the queue before it must not be
    /// written in between. What was written already is deleted by the note.
    fn withdraw(self, _: Closing) {
        if !self.entry.is_forgotten() {
            self.entry.set_closed();
            let entry = self.id();
            let _ = self
                .queue
                .send(Message::task(TaskNote::Withdrawn { entry }));
        }
    }
}

impl fmt::Debug for DurableSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableSlot")
            .field("id", &self.entry.id)
            .finish_non_exhaustive()
    }
}

/// Ends when an opening is durable, or refused: see [`WhenUnreachable`](super::WhenUnreachable).
///
/// No attempt begins before this ends, so that a crash never leaves money out without an entry. Dropped, it takes nothing back.
///
/// # Panics
///
/// When polled again after it has ended.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Opened(State);

/// `Done` holds `None` once the result was taken.
#[derive(Debug)]
enum State {
    Done(Option<Result<(), LedgerError>>),
    Waiting(oneshot::Receiver<Result<(), LedgerError>>),
}

impl Opened {
    pub(super) const fn done(result: Result<(), LedgerError>) -> Self {
        Self(State::Done(Some(result)))
    }

    pub(super) const fn when(written: oneshot::Receiver<Result<(), LedgerError>>) -> Self {
        Self(State::Waiting(written))
    }
}

impl Future for Opened {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            State::Done(result) => result.take().expect("`Opened` polled after completion"),
            State::Waiting(written) => match Pin::new(written).poll(cx) {
                Poll::Pending => return Poll::Pending,
                // The writer is gone.
                Poll::Ready(result) => {
                    result.unwrap_or_else(|_| Err(LedgerErrorKind::Closed.into()))
                }
            },
        };
        self.0 = State::Done(None);
        Poll::Ready(result.map_err(BoxError::from))
    }
}
