//! What was handed over and is not written yet, and who waits how long for it.

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
pub(super) struct Inbox {
    pub(super) messages: UnboundedReceiver<Message>,
    // Taken out of the queue while the database could not be written, to see who waits how long.
    pub(super) backlog: VecDeque<Message>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) status: Arc<Status>,
    pub(super) patience: Duration,
}

impl Inbox {
    pub(super) fn next(&mut self) -> Option<Message> {
        match self.backlog.pop_front() {
            Some(message) => Some(message),
            None => self.messages.try_recv().ok(),
        }
    }

    /// Takes everything out of the queue, to look at it.
    pub(super) fn gather(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Stop(stopped) => self.stop = Some(stopped),
                message => self.backlog.push_back(message),
            }
        }
    }

    /// When the first of those who wait has waited long enough.
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
    pub(super) fn let_spend(&mut self, in_batch: &mut Vec<(Option<Arc<Entry>>, Waiting)>) {
        for (_, waiting) in in_batch.extract_if(.., |(entry, _)| entry.is_some()) {
            waiting.tell(Ok(()));
        }
        self.let_spend_if(|_| true);
    }

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
