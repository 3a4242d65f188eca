//! Operations that run in this process, or ended in it lately.
//!
//! The list is a vector behind one lock: hundreds or thousands of operations, each looked through by comparing
//! digests, and never held over an `await`. What the index must know survives elsewhere; this is only what cannot be
//! in a database: handles of running calls, who waits, and what came last, so that an SDK's retry finds the picture
//! that nobody has read.
//!
//! Operations leave it when their window is over and nobody reads them (`Operations::sweep`). Kept answers are found
//! by the index afterwards.

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
    /// As it was when it began. The end is written into a copy: readers of this one want its id, key and digests,
    /// which never change.
    pub(super) row: Row,
    /// Counts the callers, and hears of each attempt.
    pub(super) progress: Progress,
    pub(super) began: Instant,
    /// What callers get: `None` until the head is here.
    pub(super) answer: watch::Sender<Option<Answer>>,
    /// Whether the index has answered: the row is written, or it is not.
    ///
    /// Who finds an operation in the list before that must wait: its row may turn out to be another process's.
    begun: watch::Sender<bool>,
    /// Set once: the first end stays, whatever a guard says later.
    ended: Mutex<Option<Ended>>,
}

/// What an operation has for its callers.
#[derive(Clone)]
pub(super) enum Answer {
    /// It came; the body follows through the spool, to everybody from its first byte.
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

/// How and when it ended, on tokio's clock: the window for retries is a span, and needs no time of day.
#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    state: State,
    delivered: bool,
}

impl Operation {
    /// Its public name goes into the progress, from where headers, log and page have it.
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

    /// Says that the index has answered.
    pub(super) fn begun(&self) {
        self.begun.send_replace(true);
    }

    /// Waits until the index has answered.
    pub(super) async fn is_begun(&self) {
        // The sender is this operation's own.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Says that the task of this operation is gone. Whoever waits for its answer is refused, unless there is one.
    ///
    /// Called by guards, on every way out, a panic among them. It changes nothing where the operation has ended
    /// already.
    pub(super) fn lost(&self) {
        self.refuse(unknown(self.id()));
        self.end(State::Unknown);
    }

    /// Tells whoever waits why there is no answer, where there is none.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.answer.send_if_modified(|answer| {
            let waits = answer.is_none();
            if waits {
                *answer = Some(Answer::Refused(refusal));
            }
            waits
        });
    }

    /// How far it is: `Running` until it has an end.
    pub(super) fn state(&self) -> State {
        self.ended().map_or(State::Running, |ended| ended.state)
    }

    /// Later calls change nothing.
    pub(super) fn end(&self, state: State) {
        let at = Instant::now();
        self.ended().get_or_insert(Ended {
            at,
            state,
            delivered: false,
        });
    }

    /// A caller has read the answer to its end.
    ///
    /// Told by the body, at its end and not when it is dropped: a retry looks first for pictures that nobody has.
    pub(super) fn delivered(&self) {
        if let Some(ended) = &mut *self.ended() {
            ended.delivered = true;
        }
    }

    /// Whether an SDK's retry may mean this one: it lost its caller, or ended within the window.
    ///
    /// One that still has a caller is somebody else's, or the same one whose loss nobody has noticed: `find.rs` waits
    /// a moment for that.
    fn is_for_retry(&self, window: Duration) -> bool {
        match *self.ended() {
            None => self.progress.callers() == 0,
            Some(ended) => ended.at.elapsed() <= window,
        }
    }

    /// Retries look first for what no caller has read to its end.
    ///
    /// One with callers counts as delivered: they are reading.
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

/// All operations that this process has in memory.
///
/// In the order in which they began, so that the newest is found by going backwards.
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
    ///
    /// Under one lock, so that two equal requests cannot both find nothing. `new` is called only where nothing is
    /// found.
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
    ///
    /// For an operation that another process began and that this one has taken up.
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

    /// Its callers keep their handles; nobody new finds it here.
    pub(super) fn forget(&self, id: PublicId) {
        self.all().retain(|operation| operation.id() != id);
    }

    /// Forgets what ended longer ago than `window`, but not before callers have left it; returned are those of them whose
    /// answers are not kept.
    ///
    /// The files of those that are returned have no row that says "kept", so that nobody would ever remove them.
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

/// Newest first. A key is compared within the caller's scope alone; a retry takes, of those in its window, one that
/// nobody has read before one that somebody has.
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
