//! Operations that run in this process, or ended in it lately.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode};
use tokio::{sync::watch, time::Instant};

use super::{
    PublicId,
    index::{Digest, Row, State},
    spool::Spool,
    words::unknown,
};
use crate::{caller::Scope, progress::Progress, refusal::Refusal};

/// One operation of this process.
pub(super) struct Operation {
    pub(super) row: Row,
    pub(super) progress: Progress,
    pub(super) began: Instant,
    /// What callers get: `None` until the head is here.
    pub(super) answer: watch::Sender<Option<Answer>>,
    /// Whether it is known that it was written down, or was not.
    begun: watch::Sender<bool>,
    ended: Mutex<Option<Ended>>,
}

/// What an operation has for its callers.
#[derive(Clone)]
pub(super) enum Answer {
    Head {
        status: StatusCode,
        headers: HeaderMap,
        spool: Spool,
    },
    /// It was not begun, or ended without an answer.
    Refused(Refusal),
    /// Another process knows it, or this one before it was started anew.
    Known(Box<Row>),
}

#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    state: State,
    delivered: bool,
}

impl Operation {
    pub(super) fn new(row: Row) -> Self {
        let progress = Progress::default();
        progress.set_name(row.id.to_string());
        Self {
            row,
            progress,
            began: Instant::now(),
            answer: watch::Sender::new(None),
            begun: watch::Sender::new(false),
            ended: Mutex::default(),
        }
    }

    pub(super) fn id(&self) -> PublicId {
        self.row.id
    }

    /// It is known now whether it was written down.
    pub(super) fn begun(&self) {
        self.begun.send_replace(true);
    }

    /// Waits until that is known.
    pub(super) async fn is_begun(&self) {
        // The sender is this operation's own.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Nobody will say how it ended: who waits for its answer is told, unless its outcome is known.
    pub(super) fn lost(&self) {
        self.answer.send_if_modified(|answer| {
            let gone = answer.is_none();
            if gone {
                *answer = Some(Answer::Refused(unknown(self.id())));
            }
            gone
        });
        self.end(State::Unknown);
    }

    /// Where it is.
    pub(super) fn state(&self) -> State {
        self.ended().map_or(State::Running, |ended| ended.state)
    }

    pub(super) fn end(&self, state: State) {
        let at = Instant::now();
        self.ended().get_or_insert(Ended {
            at,
            state,
            delivered: false,
        });
    }

    /// A caller has read the answer to its end.
    pub(super) fn delivered(&self) {
        if let Some(ended) = &mut *self.ended() {
            ended.delivered = true;
        }
    }

    /// Whether an SDK's retry may mean this one: it lost its caller, or ended within the window.
    fn is_for_retry(&self, window: Duration) -> bool {
        match *self.ended() {
            None => self.progress.callers() == 0,
            Some(ended) => ended.at.elapsed() <= window,
        }
    }

    /// Retries look first for what no caller has read to its end.
    fn was_delivered(&self) -> bool {
        self.ended().is_some_and(|ended| ended.delivered) || self.progress.callers() > 0
    }

    fn ended(&self) -> MutexGuard<'_, Option<Ended>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.row.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// All operations that this process knows by heart.
#[derive(Default)]
pub(super) struct Operations(Mutex<Vec<Arc<Operation>>>);

/// How a request names an operation that is there already.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// By the caller's key.
    Key(Digest),
    /// By an SDK's count of its retries: one of the same request that ended within the window, or lost its caller.
    Retry(Duration),
    /// One of the same request that runs.
    Running,
}

impl Operations {
    /// The operation that is wanted, or the new one, which others find from now on.
    pub(super) fn find_or_insert(
        &self,
        wanted: Option<Wanted>,
        new: impl FnOnce() -> Operation,
        scope: Scope,
        request: Digest,
    ) -> (Arc<Operation>, bool) {
        let mut all = self.all();
        let found = wanted.and_then(|wanted| find(&all, wanted, scope, request));
        if let Some(found) = found {
            return (found, false);
        }
        let new = Arc::new(new());
        all.push(new.clone());
        (new, true)
    }

    /// One that others find from now on.
    pub(super) fn insert(&self, new: Operation) -> Arc<Operation> {
        let new = Arc::new(new);
        self.all().push(new.clone());
        new
    }

    /// One that might be meant by a retry, but still has a caller: its line may be gone without anybody having noticed.
    pub(super) fn has_caller(&self, scope: Scope, request: Digest) -> Option<Arc<Operation>> {
        let all = self.all();
        let found = all.iter().rev().find(|operation| {
            let row = &operation.row;
            row.scope == scope && row.request == request && operation.state() == State::Running
        });
        found.cloned()
    }

    pub(super) fn get(&self, id: PublicId) -> Option<Arc<Operation>> {
        self.all()
            .iter()
            .find(|operation| operation.id() == id)
            .cloned()
    }

    pub(super) fn forget(&self, id: PublicId) {
        self.all().retain(|operation| operation.id() != id);
    }

    /// Forgets what ended longer ago than `window`, but not before callers have left it; returned are those of them whose
    /// answers are not kept.
    pub(super) fn sweep(&self, window: Duration) -> Vec<PublicId> {
        let mut forgotten = Vec::new();
        self.all().retain(|operation| {
            let state = operation.state();
            let stays = state == State::Running
                || operation.progress.callers() > 0
                || operation.is_for_retry(window);
            if !stays && state != State::Kept {
                forgotten.push(operation.id());
            }
            stays
        });
        forgotten
    }

    pub(super) fn running(&self) -> usize {
        let all = self.all();
        all.iter()
            .filter(|operation| operation.state() == State::Running)
            .count()
    }

    pub(super) fn detached(&self) -> usize {
        let all = self.all();
        all.iter()
            .filter(|operation| {
                operation.state() == State::Running && operation.progress.callers() == 0
            })
            .count()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Operation>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(
    all: &[Arc<Operation>],
    wanted: Wanted,
    scope: Scope,
    request: Digest,
) -> Option<Arc<Operation>> {
    let of_caller = all
        .iter()
        .rev()
        .filter(|operation| operation.row.scope == scope);
    let mut same = of_caller
        .clone()
        .filter(|operation| operation.row.request == request);
    let found = match wanted {
        Wanted::Key(key) => of_caller
            .clone()
            .find(|operation| operation.row.key == Some(key)),
        Wanted::Running => same.find(|operation| operation.state() == State::Running),
        Wanted::Retry(window) => same
            .filter(|operation| operation.is_for_retry(window))
            .min_by_key(|operation| operation.was_delivered()),
    };
    found.cloned()
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
