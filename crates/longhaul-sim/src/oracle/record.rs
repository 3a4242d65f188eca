//! The writing side of the oracle.
//!
//! Whatever way a request ends, exactly one of three things is said of it: it was answered, it broke off, or the client
//! left. The last is said by `Drop`, so a future that is dropped at any await leaves a true entry. The tests of
//! `provider/tests/drops.rs` drop it in every phase.

use super::{Entry, Oracle, Received};
use crate::{Work, picture::Picture};

/// Keeps the oracle from being settled while it lives.
///
/// Held by works that run, by requests that are handled and by answers with pictures that are on their way.
#[derive(Debug)]
pub(crate) struct Busy {
    oracle: Oracle,
}

impl Busy {
    pub(super) fn new(oracle: Oracle) -> Self {
        Self { oracle }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let left = {
            let mut state = self.oracle.state();
            state.busy -= 1;
            state.busy
        };
        if left == 0 {
            self.oracle.shared.idle.notify_waiters();
        }
    }
}

/// One entry, to write into.
///
/// A work holds one beyond the life of its request, since it is charged whoever still waits.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    oracle: Oracle,
    index: usize,
}

impl Record {
    pub(super) fn new(oracle: Oracle, index: usize) -> Self {
        Self { oracle, index }
    }

    /// The oracle that the entry is in.
    pub(crate) fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Changes the entry. `change` runs under the oracle's lock, and must not ask the oracle.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.oracle.state().entries.get_mut(self.index) {
            change(entry);
        }
    }

    /// The work is done and charged.
    ///
    /// Added up, because a submit that was sent twice is one request with two works.
    pub(crate) fn charge(&self, micros: u64, pictures: &[Picture]) {
        let now = self.oracle.shared.clock.now();
        self.update(|entry| {
            entry.generated = true;
            entry.charged_micros += micros;
            entry.charged = Some(now);
        });
        self.belong(pictures);
    }

    /// These pictures belong to the request, whether made for it or replayed.
    pub(crate) fn belong(&self, pictures: &[Picture]) {
        let images = pictures
            .iter()
            .map(|picture| picture.identity().to_owned())
            .collect();
        self.update(|entry| entry.images = images);
    }
}

/// One request from its head to the end of its answer. Dropped before that end, it notes that the client has gone.
///
/// It is moved into the body of the answer, so that its end is the body's end.
#[derive(Debug)]
pub(crate) struct Exchange {
    record: Record,
    ended: bool,
    /// Whether the answer on its way holds pictures.
    pictures: bool,
    /// `None` once nothing that counts can change any more.
    busy: Option<Busy>,
}

impl Exchange {
    /// Opened with the entry.
    pub(super) fn new(record: Record) -> Self {
        let busy = Some(record.oracle.busy());
        Self {
            record,
            ended: false,
            pictures: false,
            busy,
        }
    }

    /// The entry, for a work or a task that outlives the exchange.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// So many further bytes of the body have arrived.
    pub(crate) fn received(&self, bytes: usize) {
        self.record.update(|entry| entry.body_bytes += bytes as u64);
    }

    /// The body has arrived to its end: from here on a provider works and charges.
    pub(crate) fn received_whole(&self) {
        let now = self.record.oracle.shared.clock.now();
        self.record.update(|entry| {
            entry.received = Received::Whole;
            entry.read = Some(now);
        });
    }

    /// What was asked for is understood and will be made, or was made before under the same key.
    pub(crate) fn accepted(&self, work: &Work, replayed: bool) {
        self.record.update(|entry| {
            entry.work = Some(work.clone());
            entry.replayed = replayed;
        });
    }

    /// An answer is about to leave.
    pub(crate) fn answering(&mut self, status: http::StatusCode) {
        self.record
            .update(|entry| entry.status = Some(status.as_u16()));
        if !self.pictures {
            // Nothing that counts depends on whether anyone reads it.
            self.busy = None;
        }
    }

    /// The answer is one with pictures, if the work makes any.
    pub(crate) fn answering_with_pictures(&mut self) {
        self.pictures = true;
    }

    /// The answer has left to the last byte.
    pub(crate) fn answered(mut self) {
        let pictures = self.pictures;
        self.end(|entry| {
            entry.answered = true;
            entry.delivered = pictures && !entry.images.is_empty();
        });
    }

    /// The provider, or something on the way, ended the exchange itself.
    pub(crate) fn broke_off(mut self) {
        self.end(|_| {});
    }

    /// Notes the end and what else is known of it; `Drop` is silent afterwards.
    fn end(&mut self, change: impl FnOnce(&mut Entry)) {
        self.ended = true;
        let now = self.record.oracle.shared.clock.now();
        self.record.update(|entry| {
            entry.finished = Some(now);
            change(entry);
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.end(|entry| entry.client_left = true);
        }
    }
}
