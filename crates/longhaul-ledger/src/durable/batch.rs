//! What is written in one transaction.

use std::sync::Arc;

use longhaul::billing::Closing;

use super::{
    entry::Entry,
    queue::{Message, Waiting},
    task::TaskNote,
};
use crate::error::LedgerError;

/// What is written in one transaction, and who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) openings: Vec<Arc<Entry>>,
    pub(super) closings: Vec<Closed>,
    pub(super) tasks: Vec<TaskNote>,
    // With the entry whose opening it is; none for a flush.
    pub(super) waiting: Vec<(Option<Arc<Entry>>, Waiting)>,
    // Records that were taken from the queue; an entry that is closed at once was two of them.
    pub(super) taken: usize,
    // A try broke off, and nobody knows whether it was committed.
    pub(super) doubtful: bool,
}

/// An entry with its end.
pub(super) struct Closed {
    pub(super) entry: Arc<Entry>,
    pub(super) closing: Box<Closing>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0 && self.tasks.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Open { entry, waiting } => {
                self.taken += 1;
                if let Some(waiting) = waiting {
                    self.waiting.push((Some(entry.clone()), waiting));
                }
                self.openings.push(entry);
            }
            Message::Close { entry, closing } => {
                self.taken += 1;
                entry.set_closed();
                self.closings.push(Closed { entry, closing });
            }
            Message::Task { note, waiting } => {
                self.tasks.push(*note);
                self.waiting.extend(waiting.map(|waiting| (None, waiting)));
            }
            Message::Flush(waiting) => self.waiting.extend(waiting.map(|waiting| (None, waiting))),
            Message::Stop(_) => unreachable!("it is taken out before"),
        }
    }

    /// All of it is durable. How many records that were.
    pub(super) fn written(&mut self) -> usize {
        self.openings.clear();
        self.closings.clear();
        self.tasks.clear();
        self.doubtful = false;
        for (_, waiting) in self.waiting.drain(..) {
            waiting.tell(Ok(()));
        }
        std::mem::take(&mut self.taken)
    }

    /// Refuses the openings that somebody waits for. How many records less are held.
    pub(super) fn refuse(&mut self, error: &LedgerError) -> usize {
        for (entry, waiting) in self.waiting.drain(..) {
            // What may be in the database has to be closed there.
            if let Some(entry) = entry.filter(|_| !self.doubtful) {
                entry.forget();
            }
            waiting.tell(Err(error.clone()));
        }
        let before = self.openings.len();
        self.openings.retain(|entry| !entry.is_forgotten());
        let refused = before - self.openings.len();
        self.taken -= refused;
        refused
    }
}
