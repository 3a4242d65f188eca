//! What was handed over and is not written yet, and who waits how long for it.
//!
//! While the database answers, the queue is read message by message and the backlog is empty. While it does not, the
//! messages are moved into the backlog, since only there can be seen who waits since when. A queue of tokio's cannot be
//! looked into.
//!
//! What is refused and what is kept follows from one rule: a record of something that happened is kept, a request for
//! permission may be refused. So closings and notes of tasks stay until they are written; openings and flushes end when
//! patience does.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::Instant,
};

use super::{
    entry::Entry,
    queue::{Message, Status, Waiting},
};
use crate::error::LedgerError;

/// What was not taken into a batch yet.
///
/// Messages leave it in the order in which they were handed over, the backlog first.
pub(super) struct Inbox {
    pub(super) messages: UnboundedReceiver<Message>,
    // Taken out of the queue while the database could not be written, to see who waits how long.
    pub(super) backlog: VecDeque<Message>,
    pub(super) stop: Option<oneshot::Sender<bool>>,
    pub(super) status: Arc<Status>,
    pub(super) patience: Duration,
}

impl Inbox {
    /// The backlog is older than the queue, always: `gather` empties the queue into it and nothing else is put there.
    pub(super) fn next(&mut self) -> Option<Message> {
        match self.backlog.pop_front() {
            Some(message) => Some(message),
            None => self.messages.try_recv().ok(),
        }
    }

    /// Takes everything out of the queue, to look at it.
    ///
    /// A request to stop is taken out and kept aside. It is the last message by its sender's order, and must be seen
    /// even while a commit hangs: a program that ends must not wait for a database that is away.
    pub(super) fn gather(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Stop(stopped) => self.stop = Some(stopped),
                message => self.backlog.push_back(message),
            }
        }
    }

    /// When the first of those who wait has waited long enough.
    ///
    /// Messages are in the order of their waiting, so the first is the one that has waited longest. Where nobody waits
    /// the answer is `patience` from now: the try itself is looked at again then, and what has come meanwhile with it.
    pub(super) fn patience_ends(&self, in_batch: &[(Option<Arc<Entry>>, Waiting)]) -> Instant {
        let in_backlog = self.backlog.iter().find_map(|message| match message {
            Message::Open { waiting, .. }
            | Message::Task { waiting, .. }
            | Message::Flush(waiting) => waiting.as_ref(),
            Message::Close { .. } | Message::Stop(_) => None,
        });
        let first = in_batch.first().map(|(_, waiting)| waiting).or(in_backlog);
        // A day at most: it never overflows.
        first.map_or_else(Instant::now, |waiting| waiting.since) + self.patience
    }

    /// Tells those who have waited for long enough: to spend, if that is allowed, else why not.
    ///
    /// A commit that is under way may still succeed. So an opening that was refused here is not forgotten: its attempt,
    /// which sent nothing, closes it as never sent, and that closing finds its row or is written as a whole. Forgotten,
    /// it would be a row of `running` that nobody closes as long as this process lives.
    pub(super) fn lose_patience(
        &mut self,
        in_batch: &mut Vec<(Option<Arc<Entry>>, Waiting)>,
        error: &LedgerError,
    ) {
        let (now, patience) = (Instant::now(), self.patience);
        let late = |waiting: &Waiting| now.saturating_duration_since(waiting.since) >= patience;
        let spends = self.status.when_unreachable.spends();
        // Their openings may be written at this moment: they stay, and their closings follow.
        for (entry, waiting) in in_batch.extract_if(.., |(_, waiting)| late(waiting)) {
            waiting.tell(match entry {
                Some(_) if spends => Ok(()),
                _ => Err(error.clone()),
            });
        }
        if spends {
            self.let_spend_if(late);
        }
        self.refuse_if(late, error);
    }

    /// Nobody waits for a database that is known to be away.
    ///
    /// Only openings are let go. A flush and a note keep waiting: they asked whether something is durable, and it is
    /// not.
    pub(super) fn let_spend(&mut self, in_batch: &mut Vec<(Option<Arc<Entry>>, Waiting)>) {
        for (_, waiting) in in_batch.extract_if(.., |(entry, _)| entry.is_some()) {
            waiting.tell(Ok(()));
        }
        self.let_spend_if(|_| true);
    }

    /// The message stays in the backlog, without anybody who waits: the entry is written when the database is back.
    pub(super) fn let_spend_if(&mut self, chosen: impl Fn(&Waiting) -> bool) {
        for message in &mut self.backlog {
            if let Message::Open { waiting, .. } = message
                && let Some(waiting) = waiting.take_if(|waiting| chosen(waiting))
            {
                waiting.tell(Ok(()));
            }
        }
    }

    /// Refuses every opening and every flush that somebody waits for.
    pub(super) fn refuse(&mut self, error: &LedgerError) {
        self.refuse_if(|_| true, error);
    }

    /// Nothing of what lies in the backlog was ever sent to the database. So an opening that is refused here can be
    /// forgotten without a trace, unlike one in the batch.
    pub(super) fn refuse_if(&mut self, chosen: impl Fn(&Waiting) -> bool, error: &LedgerError) {
        let mut forgotten = 0;
        self.backlog.retain_mut(|message| {
            let waiting = match message {
                Message::Open { waiting, .. }
                | Message::Task { waiting, .. }
                | Message::Flush(waiting) => waiting,
                Message::Close { .. } | Message::Stop(_) => return true,
            };
            let Some(refused) = waiting.take_if(|waiting| chosen(waiting)) else {
                return true;
            };
            refused.tell(Err(error.clone()));
            if let Message::Open { entry, .. } = message {
                entry.forget();
                forgotten += 1;
            }
            // A task runs, whoever waits: its handle is written when that can be done.
            matches!(message, Message::Task { .. })
        });
        self.status.released(forgotten);
    }
}
