//! The one task that writes: it takes what waits in the queue, writes it in one transaction, and tells those who wait.
//!
//! While one commit runs, the next batch gathers in the queue: the more attempts there are, the more share a commit.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use longhaul::billing::Closing;
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::yield_now,
    time::{Instant, sleep, timeout_at},
};

use super::{
    entry::Entry,
    lease::Lease,
    lock::Lock,
    queue::{Message, Status, Waiting},
    sink::Sink,
};
use crate::error::{LedgerError, LedgerErrorKind};

/// Records in one transaction at most: enough to share its cost, few enough to be quick.
const BATCH: usize = 1024;

/// Between two tries to write, from the second failure on, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    sink: Sink,
    inbox: Inbox,
    batch: Batch,
    // What says that this writer lives: on PostgreSQL the one, beside a file the other.
    lease: Option<Lease>,
    lock: Option<Lock>,
}

/// What is written in one transaction, and who waits for it.
#[derive(Default)]
struct Batch {
    openings: Vec<Arc<Entry>>,
    closings: Vec<Closed>,
    // With the entry whose opening it is; none for a flush.
    waiting: Vec<(Option<Arc<Entry>>, Waiting)>,
    // Records that were taken from the queue; an entry that is closed at once was two of them.
    taken: usize,
    // A try broke off, and nobody knows whether it was committed.
    doubtful: bool,
}

/// An entry with its end.
pub(super) struct Closed {
    pub(super) entry: Arc<Entry>,
    pub(super) closing: Box<Closing>,
}

/// What was not taken into a batch yet.
struct Inbox {
    messages: UnboundedReceiver<Message>,
    // Taken out of the queue while the database could not be written, to see who waits how long.
    backlog: VecDeque<Message>,
    stop: Option<oneshot::Sender<()>>,
    status: Arc<Status>,
    patience: Duration,
}

impl Writer {
    pub(super) fn new(
        messages: UnboundedReceiver<Message>,
        status: Arc<Status>,
        patience: Duration,
        sink: Sink,
        lease: Option<Lease>,
        lock: Option<Lock>,
    ) -> Self {
        Self {
            sink,
            inbox: Inbox {
                messages,
                backlog: VecDeque::new(),
                stop: None,
                status,
                patience,
            },
            batch: Batch::default(),
            lease,
            lock,
        }
    }

    /// Writes until it is stopped, or nobody is left who could hand anything over.
    pub(super) async fn run(mut self) {
        while self.fill().await {
            self.write().await;
            if self.inbox.stop.is_some() {
                break;
            }
        }
        if let Some(lease) = self.lease.take() {
            lease.give_back().await;
        }
        self.sink.close().await;
        drop(self.lock);
        if let Some(stopped) = self.inbox.stop.take() {
            let _ = stopped.send(());
        }
    }

    /// Waits until there is something to write; `false` where nothing will come any more.
    async fn fill(&mut self) -> bool {
        let Self { inbox, batch, .. } = self;
        if inbox.backlog.is_empty() && batch.is_empty() {
            match inbox.messages.recv().await {
                Some(message) => inbox.backlog.push_back(message),
                None => return false,
            }
            // Whoever is about to hand something over does so first, and shares the commit.
            yield_now().await;
        }
        while batch.taken < BATCH {
            let Some(message) = inbox.next() else { break };
            match message {
                Message::Stop(stopped) => {
                    inbox.stop = Some(stopped);
                    break;
                }
                message => batch.take(message),
            }
        }
        // What was closed at once is written as a whole.
        batch.openings.retain(|entry| !entry.is_closed());
        true
    }

    /// Writes the batch, however often it takes; gives up only where the openings of it are refused and nothing is
    /// left, or when the ledger is stopped.
    async fn write(&mut self) {
        let mut wait = Duration::ZERO;
        while !self.batch.is_empty() {
            match self.try_to_write().await {
                Ok(()) => {
                    self.inbox.status.set_down(false);
                    self.inbox.status.released(self.batch.written());
                }
                Err(error) => {
                    self.failed(&error, wait.is_zero());
                    if self.inbox.stop.is_some() {
                        return;
                    }
                    sleep(wait).await;
                    wait = (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
                }
            }
        }
    }

    /// One try, and meanwhile an eye on those who wait.
    async fn try_to_write(&mut self) -> Result<(), LedgerError> {
        let Self {
            sink, inbox, batch, ..
        } = self;
        let Batch {
            openings,
            closings,
            waiting,
            ..
        } = batch;
        let mut writing = pin!(sink.write(openings, closings));
        loop {
            let deadline = inbox.patience_ends(waiting);
            match timeout_at(deadline, &mut writing).await {
                Ok(result) => return result,
                Err(_) => {
                    inbox.status.set_down(true);
                    inbox.gather();
                    inbox.lose_patience(waiting, &LedgerErrorKind::Unreachable.into());
                }
            }
        }
    }

    /// Decides what becomes of those who wait, after a try that failed.
    fn failed(&mut self, error: &LedgerError, first: bool) {
        let Self { inbox, batch, .. } = self;
        inbox.gather();
        if matches!(error.kind(), LedgerErrorKind::Unreachable) {
            batch.doubtful = true;
            // The first failure may be a connection that was cut while the database is there.
            inbox.status.set_down(!first);
            if !first && inbox.status.when_unreachable.spends() {
                inbox.let_spend(&mut batch.waiting);
            }
            inbox.lose_patience(&mut batch.waiting, error);
        } else {
            // Waiting does not help: nobody spends what cannot be written down.
            inbox.status.released(batch.refuse(error));
            inbox.refuse(error);
        }
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.taken == 0 && self.waiting.is_empty()
    }

    fn take(&mut self, message: Message) {
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
            Message::Flush(waiting) => self.waiting.extend(waiting.map(|waiting| (None, waiting))),
            Message::Stop(_) => unreachable!("it is taken out before"),
        }
    }

    /// All of it is durable. How many records that were.
    fn written(&mut self) -> usize {
        self.openings.clear();
        self.closings.clear();
        self.doubtful = false;
        for (_, waiting) in self.waiting.drain(..) {
            waiting.tell(Ok(()));
        }
        std::mem::take(&mut self.taken)
    }

    /// Refuses the openings that somebody waits for. How many records less are held.
    fn refuse(&mut self, error: &LedgerError) -> usize {
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

impl Inbox {
    fn next(&mut self) -> Option<Message> {
        match self.backlog.pop_front() {
            Some(message) => Some(message),
            None => self.messages.try_recv().ok(),
        }
    }

    /// Takes everything out of the queue, to look at it.
    fn gather(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Stop(stopped) => self.stop = Some(stopped),
                message => self.backlog.push_back(message),
            }
        }
    }

    /// When the first of those who wait has waited long enough.
    fn patience_ends(&self, in_batch: &[(Option<Arc<Entry>>, Waiting)]) -> Instant {
        let in_backlog = self.backlog.iter().find_map(|message| match message {
            Message::Open { waiting, .. } | Message::Flush(waiting) => waiting.as_ref(),
            Message::Close { .. } | Message::Stop(_) => None,
        });
        let first = in_batch.first().map(|(_, waiting)| waiting).or(in_backlog);
        first.map_or_else(Instant::now, |waiting| waiting.since) + self.patience
    }

    /// Tells those who have waited for long enough: to spend, if that is allowed, else why not.
    fn lose_patience(
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
    fn let_spend(&mut self, in_batch: &mut Vec<(Option<Arc<Entry>>, Waiting)>) {
        for (_, waiting) in in_batch.extract_if(.., |(entry, _)| entry.is_some()) {
            waiting.tell(Ok(()));
        }
        self.let_spend_if(|_| true);
    }

    fn let_spend_if(&mut self, chosen: impl Fn(&Waiting) -> bool) {
        for message in &mut self.backlog {
            if let Message::Open { waiting, .. } = message
                && let Some(waiting) = waiting.take_if(|waiting| chosen(waiting))
            {
                waiting.tell(Ok(()));
            }
        }
    }

    /// Refuses every opening and every flush that somebody waits for.
    fn refuse(&mut self, error: &LedgerError) {
        self.refuse_if(|_| true, error);
    }

    fn refuse_if(&mut self, chosen: impl Fn(&Waiting) -> bool, error: &LedgerError) {
        let mut forgotten = 0;
        self.backlog.retain_mut(|message| {
            let waiting = match message {
                Message::Open { waiting, .. } | Message::Flush(waiting) => waiting,
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
            false
        });
        self.status.released(forgotten);
    }
}
