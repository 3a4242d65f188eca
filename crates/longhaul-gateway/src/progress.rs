//! How far an operation is, for those who wait for it: which attempts were made, what they may cost, who still waits.
//!
//! [`Heartbeat`](crate::heartbeat), [`IdempotentReplay`](crate::replay) and [`Detach`](crate::detach) share one
//! [`Progress`] by the request's extensions. It hears of attempts through the
//! [`Observer`] that it puts beside itself.
//!
//! The question that all three ask is whether money may be out: a line must not be given up, nor a call ended, nor a
//! request sent again, where the picture may be paid for already.
//!
//! ```
//! use longhaul_gateway::progress::Progress;
//!
//! let mut request = http::Request::new(());
//! let progress = Progress::enter(request.extensions_mut());
//! let caller = progress.join();
//! // … a stack has the request; until it has sent it, the call can be ended free of charge:
//! assert!(!progress.may_have_paid());
//! drop(caller);
//! assert!(progress.is_abandoned());
//! ```

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::Duration,
};

use http::{Extensions, StatusCode};

use crate::core::{Attempt, Class, Event, Exposure, Observer, Outcome, Sent};

/// How far one operation is: a cheap shared handle.
///
/// ```
/// use longhaul_gateway::progress::Progress;
///
/// let mut request = http::Request::new(());
/// let progress = Progress::enter(request.extensions_mut());
/// assert!(!progress.is_trying() && !progress.may_have_paid(), "nothing was begun");
/// progress.set_name("op_1");
/// assert_eq!(Progress::enter(request.extensions_mut()).name().as_deref(), Some("op_1"), "the same one");
/// ```
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    attempts: Vec<Attempt>,
    refusal: Option<FreeRefusal>,
    /// Callers that wait for the answer now, and whether there ever was one.
    callers: usize,
    had_callers: bool,
    runs_on: bool,
    name: Option<Arc<str>>,
    elsewhere: bool,
    followed: Option<Progress>,
    wakers: Vec<Waker>,
}

/// An ending that cost nothing, after which the operation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeRefusal {
    /// The provider's status, where there was an answer.
    pub status: Option<StatusCode>,
    /// What the ending means; nothing of it is charged.
    pub class: Class,
    /// How long until it makes sense to ask again.
    pub wait: Duration,
}

impl Progress {
    /// The handle in `extensions`, or a new one, put there with its observer.
    pub fn enter(extensions: &mut Extensions) -> Self {
        if let Some(progress) = extensions.get::<Self>() {
            return progress.clone();
        }
        let progress = Self::default();
        progress.put_into(extensions);
        progress
    }

    /// Puts the handle and its observer into `extensions`, in place of what is there.
    pub fn put_into(&self, extensions: &mut Extensions) {
        let hears = self.clone();
        extensions.insert(Observer::new(move |event: &Event<'_>| hears.hear(event)));
        extensions.insert(self.clone());
    }

    fn hear(&self, event: &Event<'_>) {
        let mut state = self.state();
        match event {
            Event::Started { attempt } => state.attempts.push((*attempt).clone()),
            Event::Waiting {
                attempt,
                class,
                wait,
                retry_after,
            } if !class.is_possibly_charged() => {
                state.refusal = Some(FreeRefusal {
                    status: attempt.status(),
                    class: *class,
                    wait: retry_after.unwrap_or(*wait),
                });
            }
            _ => {}
        }
    }

    /// From here on this handle tells what `other` tells: its caller waits for the operation of another.
    pub fn follow(&self, other: &Self) {
        if !Arc::ptr_eq(&self.0, &other.0) {
            let mut state = self.state();
            state.followed = Some(other.clone());
            state.wake();
        }
    }

    fn leader(&self) -> Option<Self> {
        self.state().followed.clone()
    }

    /// All attempts that began, in their order.
    pub fn attempts(&self) -> Vec<Attempt> {
        match self.leader() {
            Some(leader) => leader.attempts(),
            None => self.state().attempts.clone(),
        }
    }

    /// Whether a request is out that may be running and charged, or its answer is coming.
    pub fn is_paying(&self) -> bool {
        self.attempts().iter().any(is_paying)
    }

    /// The operation runs in another process: what it sent there is not known here.
    pub fn runs_elsewhere(&self) {
        self.state().elsewhere = true;
    }

    fn is_elsewhere(&self) -> bool {
        match self.leader() {
            Some(leader) => leader.is_elsewhere(),
            None => self.state().elsewhere,
        }
    }

    /// Whether anything was sent that runs, or ended so that it may have been charged.
    pub fn may_have_paid(&self) -> bool {
        self.is_elsewhere()
            || self
                .attempts()
                .iter()
                .any(|attempt| match attempt.outcome_now() {
                    None => is_paying(attempt),
                    Some(outcome) => may_be_charged(&outcome),
                })
    }

    /// What may have been charged by now, for each attempt that may have been: those that ended so, and those that are out.
    pub(crate) fn exposures(&self) -> Vec<Exposure> {
        let exposures = self.attempts().into_iter();
        exposures
            .map(|attempt| attempt.exposure_now())
            .filter(is_a_risk)
            .collect()
    }

    /// Whether an attempt has begun that has no end yet.
    pub fn is_trying(&self) -> bool {
        self.attempts()
            .iter()
            .any(|attempt| attempt.outcome_now().is_none())
    }

    /// The public name of the operation, where a layer gave it one.
    pub fn name(&self) -> Option<String> {
        match self.leader() {
            Some(leader) => leader.name(),
            None => self.state().name.as_deref().map(str::to_owned),
        }
    }

    /// Gives the operation its public name.
    pub fn set_name(&self, name: impl Into<Arc<str>>) {
        self.state().name = Some(name.into());
    }

    /// The last ending that cost nothing and after which the operation went on.
    pub fn refusal(&self) -> Option<FreeRefusal> {
        match self.leader() {
            Some(leader) => leader.refusal(),
            None => self.state().refusal,
        }
    }

    /// A caller waits for the answer, until the guard is dropped.
    pub fn join(&self) -> Presence {
        let mut state = self.state();
        state.callers += 1;
        state.had_callers = true;
        Presence(self.clone())
    }

    /// Whether a layer above knows who the callers are.
    pub fn is_watched(&self) -> bool {
        self.state().had_callers
    }

    /// How many callers wait for the answer.
    pub fn callers(&self) -> usize {
        self.state().callers
    }

    /// The operation goes on, with all it does, also when nobody waits: somebody will come back for it.
    ///
    /// ```
    /// use longhaul_gateway::progress::Progress;
    ///
    /// let progress = Progress::enter(&mut http::Extensions::new());
    /// drop(progress.join());
    /// assert!(progress.is_abandoned());
    /// // It has an idempotency key: the same caller will ask again.
    /// progress.run_on();
    /// assert!(!progress.is_abandoned());
    /// ```
    pub fn run_on(&self) {
        self.state().runs_on = true;
    }

    /// Whether all callers have left and nobody will come back: nothing more must be begun.
    pub fn is_abandoned(&self) -> bool {
        let state = self.state();
        state.had_callers && state.callers == 0 && !state.runs_on
    }

    /// Wakes the task of `cx` when a caller leaves.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        let mut state = self.state();
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain values: a panic elsewhere cannot have left them half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

fn is_paying(attempt: &Attempt) -> bool {
    attempt.outcome_now().is_none()
        && (attempt.status().is_some() || attempt.sent() == Sent::PossiblyWhole)
}

/// Whether an attempt that ended so may have been charged: what was sent in part only counts as free.
pub(crate) fn may_be_charged(outcome: &Outcome) -> bool {
    is_a_risk(&outcome.exposure)
}

fn is_a_risk(exposure: &Exposure) -> bool {
    exposure.probability > Class::SentPartial.charge_probability()
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Progress")
            .field("attempts", &state.attempts)
            .field("callers", &state.callers)
            .field("runs_on", &state.runs_on)
            .finish_non_exhaustive()
    }
}

/// A caller who waits for an operation's answer; dropped when it leaves or has it.
#[derive(Debug)]
#[must_use = "the caller has left when this is dropped"]
pub struct Presence(Progress);

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.callers -= 1;
        state.wake();
    }
}
