//! What the page shows of this process. It is a view and no record: the ledger has what must be known later, and this
//! has what a ledger has not, calls that wait for their turn and what runs at this moment.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::{
    core::{Attempt, Class, Money, OperationId, Resolution},
    progress::Progress,
};

/// Operations that ended lately and are remembered.
const ENDED: usize = 500;

/// Operations that run, and the last 500 that ended: what a page shows, and forgets with the process. Cheap to clone.
///
/// The gateway's [upstreams](crate::upstream::Upstream) write it, one for all of them; whoever has a gateway reads
/// it:
///
/// ```
/// use longhaul_gateway::telemetry::History;
///
/// let history = History::default();
/// for call in history.running() {
///     println!("{} asks {} for {}", call.asked.caller, call.asked.upstream, call.asked.resolution);
/// }
/// assert!(history.ended().is_empty() && history.operation("op_1").is_none());
/// ```
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    next: u64,
    running: Vec<(u64, RunningCall)>,
    ended: VecDeque<EndedCall>,
}

/// What an operation asks for, and of whom.
///
/// No prompt, no key, no header of the request.
#[derive(Clone, Debug)]
pub struct RequestedCall {
    /// The upstream's name.
    pub upstream: Arc<str>,
    /// What its caller is called.
    ///
    /// Empty where the call came without a [`Caller`](crate::caller::Caller).
    pub caller: String,
    /// The model, as the request names it.
    ///
    /// Whatever the caller wrote: it is to be escaped where it is shown.
    pub model: String,
    /// The class of size; `Unknown` where the request does not tell.
    pub resolution: Resolution,
}

/// An operation that runs.
///
/// From the moment when it reached its upstream: the wait for a turn is in it.
#[derive(Clone, Debug)]
pub struct RunningCall {
    /// What it asks for.
    pub asked: RequestedCall,
    /// When it began.
    pub began: Instant,
    /// How far it is.
    ///
    /// Its attempts, live: `None` where no layer above has entered one.
    pub progress: Option<Progress>,
}

/// An operation that ended.
#[derive(Clone, Debug)]
pub struct EndedCall {
    /// What it asked for.
    pub asked: RequestedCall,
    /// The time of day.
    pub at: SystemTime,
    /// How long it took.
    ///
    /// From the upstream's beginning to the last byte of its answer.
    pub took: Duration,
    /// What its ending means; `None` where no attempt was made.
    pub class: Option<Class>,
    /// How many attempts were made.
    pub attempts: usize,
    /// The most that it may have cost; `None` where a price is not known.
    pub cost: Option<Money>,
    /// Its public name.
    pub name: Option<String>,
    /// What the ledger calls it; `None` where no attempt was made.
    pub operation: Option<OperationId>,
}

impl History {
    /// The number is this history's own, to end the same call by.
    pub(super) fn begin(&self, running: RunningCall) -> u64 {
        let mut inner = self.inner();
        inner.next += 1;
        let id = inner.next;
        inner.running.push((id, running));
        id
    }

    /// The oldest one is forgotten for it.
    pub(super) fn end(&self, id: u64, ended: EndedCall) {
        let mut inner = self.inner();
        inner.running.retain(|(running, _)| *running != id);
        if inner.ended.len() >= ENDED {
            inner.ended.pop_back();
        }
        inner.ended.push_front(ended);
    }

    /// Operations that run, in the order in which they began.
    pub fn running(&self) -> Vec<RunningCall> {
        let inner = self.inner();
        inner
            .running
            .iter()
            .map(|(_, running)| running.clone())
            .collect()
    }

    /// The last operations that ended, the newest first.
    pub fn ended(&self) -> Vec<EndedCall> {
        self.inner().ended.iter().cloned().collect()
    }

    /// What the ledger calls the operation of this public name, if it runs or ended lately, and attempted anything.
    ///
    /// A way from the name in an answer's header to the entries in the ledger, for as long as the call is among those
    /// that are remembered. Beyond that, the digits of the name are the ledger's own id.
    pub fn operation(&self, name: &str) -> Option<OperationId> {
        let inner = self.inner();
        let running = inner.running.iter().find_map(|(_, running)| {
            let progress = running.progress.as_ref()?;
            let is_it = progress.name().as_deref() == Some(name);
            is_it.then(|| progress.attempts().first().map(Attempt::operation))
        });
        let ended = || {
            let mut ended = inner.ended.iter();
            ended.find(|ended| ended.name.as_deref() == Some(name))
        };
        running.flatten().or_else(|| ended()?.operation)
    }

    fn inner(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("History")
            .field("running", &inner.running.len())
            .field("ended", &inner.ended.len())
            .finish()
    }
}
