//! A ledger's contract, in two halves: an opening that can be waited for, and a closing that cannot. Closing happens in
//! destructors, where a caller that left has dropped everything; so it hands over and returns. An [`Entry`] ties both to the
//! attempt, so that no code path can forget the second.

use std::{fmt, future::Future, sync::Arc};

use super::record::{Closing, Opening};
use crate::{
    attempt::{Attempt, shielded},
    error::{BoxError, Error, cancelled_class},
    model::{Class, End},
};

/// Writes down every attempt: opened before its first byte leaves, closed at its end.
///
/// Both are called on the task that drives the attempt, closing even from destructors: they hand the entry
/// over, to a queue or a map, and return. What takes time happens behind [`Opened`](Self::Opened).
/// Opening and closing must go through one queue, so that no closing overtakes its opening, also where
/// the attempt is dropped before its opening was durable.
///
/// ```
/// use longhaul::{Attempt, billing::{Entry, Ledger, MemoryLedger, MemorySlot, Opening}};
///
/// /// A ledger that also says aloud what is begun.
/// #[derive(Clone)]
/// struct Aloud(MemoryLedger);
///
/// impl Ledger for Aloud {
///     type Slot = MemorySlot;
///     type Opened = <MemoryLedger as Ledger>::Opened;
///
///     fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<MemorySlot>, Self::Opened) {
///         println!("attempt {} of {} begins", opening.attempt, opening.operation);
///         self.0.open(attempt, opening)
///     }
/// }
/// ```
pub trait Ledger: Send + Sync + 'static {
    /// The place in the ledger that an entry is closed in.
    type Slot: Slot;
    /// Ends when the opening is durable; the attempt is not begun before. An error stops it, with nothing
    /// sent. Dropped, it takes nothing back: the entry's closing follows.
    ///
    /// For a ledger in memory this is [`std::future::Ready`]. It is raced against the operation's deadline.
    type Opened: Future<Output = Result<(), BoxError>>;

    /// Opens an entry for `attempt`. Must not block.
    ///
    /// Once for each attempt, before anything is sent. A ledger that keeps the handles of tasks also calls
    /// [`Attempt::set_task_sink`] here.
    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<Self::Slot>, Self::Opened);
}

impl<L: Ledger> Ledger for Arc<L> {
    type Slot = L::Slot;
    type Opened = L::Opened;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<L::Slot>, L::Opened) {
        (**self).open(attempt, opening)
    }
}

/// Where in a ledger one entry is closed, once.
///
/// ```
/// use std::sync::mpsc::Sender;
/// use longhaul::billing::{Closing, Slot};
///
/// /// Hands the closing to a thread that writes, and returns.
/// struct Queued(Sender<Closing>);
///
/// impl Slot for Queued {
///     fn close(self, closing: Closing) {
///         // The writer is gone only at the end of the process, and nobody could be told here.
///         let _ = self.0.send(closing);
///     }
/// }
/// ```
pub trait Slot {
    /// Closes the entry. Must neither block nor panic: it is called from destructors.
    fn close(self, closing: Closing);

    /// Takes the entry back, since its attempt ordered nothing: it asked after the task of an earlier attempt, whose entry
    /// is told what came of it. One generation is then one entry. As little as [`close`](Self::close) may it block or panic.
    ///
    /// A ledger that cannot take entries back closes it, which is the default: at no price, as `closing` says.
    fn withdraw(self, closing: Closing)
    where
        Self: Sized,
    {
        self.close(closing);
    }
}

/// An open entry, which closes itself when dropped.
///
/// It closes with the outcome of its attempt. An attempt that has none yet is cancelled by it: never sent
/// as long as the service below was not called, after that as is proved of it.
///
/// So no entry stays open by accident: a panic, a caller that leaves and a forgotten `return` close it as well.
///
/// ```
/// # let (attempt, _) = longhaul::Attempt::enter(&mut http::Extensions::new());
/// use longhaul::{Class, billing::{Closing, Entry, Slot}};
///
/// /// Says how the entry closes.
/// struct Told(std::sync::mpsc::Sender<Class>);
///
/// impl Slot for Told {
///     fn close(self, closing: Closing) {
///         let _ = self.0.send(closing.outcome.class);
///     }
/// }
///
/// let (told, closed) = std::sync::mpsc::channel();
/// let entry = Entry::armed(&attempt, Told(told));
/// // The task is dropped before the request was sent: a future, a panic, an early return.
/// drop(entry);
/// assert_eq!(closed.recv(), Ok(Class::NeverSent));
/// ```
pub struct Entry<S: Slot> {
    attempt: Attempt,
    // `None` once closed.
    slot: Option<S>,
    called: bool,
}

impl<S: Slot> Entry<S> {
    /// The open entry of `attempt`, to be closed in `slot`.
    ///
    /// For [`Ledger::open`]. The layer that called it ends the attempt through the entry.
    pub fn armed(attempt: &Attempt, slot: S) -> Self {
        Self {
            attempt: attempt.clone(),
            slot: Some(slot),
            called: false,
        }
    }

    /// No entry of its own: what `attempt` costs is written down by the layer that made the handle.
    pub(super) fn elsewhere(attempt: &Attempt) -> Self {
        Self {
            attempt: attempt.clone(),
            slot: None,
            called: true,
        }
    }

    /// The attempt that it accounts for.
    ///
    /// Its [`outcome`](Attempt::outcome) is what the entry closes with.
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Closes it; the same as dropping it.
    pub fn close(self) {
        drop(self);
    }

    /// From here on bytes may leave.
    pub(super) const fn called(&mut self) {
        self.called = true;
    }

    /// Ends the attempt with an error, unless a layer below has judged it already, and closes.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.sent_nothing_unless_called();
        let error = error.with_attempt(&self.attempt);
        // The error's class is that of the attempt if it has one, else the built-in reading.
        self.settle(error.end(), error.class());
        error
    }

    /// Ends the attempt, unless a layer below has judged it already, and closes.
    pub(super) fn settle(&mut self, end: End, class: Class) {
        if self.slot.is_some() {
            self.attempt.finish(end, class);
        }
        self.write();
    }

    /// An attempt that nobody below was called for is in no phase of sending.
    ///
    /// Without this, an attempt whose ledger failed would count as possibly sent, since nobody had watched its body.
    fn sent_nothing_unless_called(&self) {
        if !self.called {
            self.attempt.connecting();
        }
    }

    /// Whichever comes first writes: a settled end, an error, or the destructor. The slot is taken out, so that it is one of
    /// them.
    fn write(&mut self) {
        let Some(slot) = self.slot.take() else {
            return;
        };
        self.sent_nothing_unless_called();
        let attempt = &self.attempt;
        let outcome = attempt
            .outcome_now()
            .unwrap_or_else(|| attempt.finish(End::Cancelled, cancelled_class(attempt)));
        let closing = Closing::of(attempt, outcome);
        if attempt.is_in_earlier_entry() {
            shielded(|| slot.withdraw(closing));
        } else {
            shielded(|| slot.close(closing));
        }
    }
}

impl<S: Slot> Drop for Entry<S> {
    fn drop(&mut self) {
        self.write();
    }
}

impl<S: Slot> fmt::Debug for Entry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("attempt", &self.attempt)
            .field("open", &self.slot.is_some())
            .finish_non_exhaustive()
    }
}
