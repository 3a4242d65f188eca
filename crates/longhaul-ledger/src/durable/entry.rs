//! An attempt's entry on its way to the writer, and the future of its opening.

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

    pub(super) fn of(id: EntryId, opening: Opening) -> Self {
        Self {
            id: id.0,
            opening,
            forgotten: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn forget(&self) {
        self.forgotten.store(true, Ordering::Release);
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Acquire)
    }

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
pub struct DurableSlot {
    pub(super) queue: Queue,
    pub(super) entry: Arc<Entry>,
}

impl DurableSlot {
    /// The name of its entry: a [task](super::TaskHandle) that its attempt submits is noted under it.
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
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Opened(State);

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
