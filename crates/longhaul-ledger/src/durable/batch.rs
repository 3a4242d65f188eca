//! What is written in one transaction.
//!
//! A batch is kept until it is committed, however often that is tried. Its order inside does not matter, since every
//! record stands for itself: openings are inserted, closings move a row, notes change rows of other tables. Only
//! between two records of one entry the order counts, and that is settled when they are taken: see [`Batch::take`].

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

    /// An entry whose closing is taken is marked as closed at once. Its opening, where it is in the same batch, is then
    /// left out, and the entry is written as a whole: one insert in the place of two inserts and a delete. That is the
    /// usual case for what was never sent.
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
    ///
    /// The doubt of earlier tries ends with it: what they may have committed is committed now in any case.
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
    ///
    /// Called for an error that does not pass by itself, such as a full disk. Closings and notes stay: what they tell
    /// has happened already, and they are tried again until there is room. An opening that was refused is forgotten, so
    /// that its slot hands over no closing for a row that is not there. If an earlier try may have been committed, the
    /// opening is not forgotten: its closing has to follow.
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
