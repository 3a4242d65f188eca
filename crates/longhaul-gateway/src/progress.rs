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
///
/// Whoever enters first makes it: outermost [`Heartbeat`](crate::heartbeat), or [`IdempotentReplay`](crate::replay),
/// which gives its operations one of their own. A program that has none of these may put one in itself, to watch a
/// call from outside:
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use http_body_util::{BodyExt, Full};
/// use longhaul::{Stack, policy::Policy};
/// use longhaul_gateway::progress::Progress;
/// use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let provider = longhaul_sim::Provider::builder().generation(Duration::from_secs(100))
/// #     .image_weight(longhaul_sim::Weight::Tiny).build()?;
/// let mut picture = Request::post("https://sim.example/v1/images/generations")
///     .header("content-type", "application/json")
///     .body(Full::<bytes::Bytes>::from(r#"{"model": "x", "prompt": "a cat", "size": "1024x1024"}"#))?;
/// let progress = Progress::enter(picture.extensions_mut());
/// let call = Stack::new(Policy::nano_banana_pro())?.layer(provider).oneshot(picture);
/// let call = tokio::spawn(async move { Ok::<_, longhaul::Error>(call.await?.into_body().collect().await?.to_bytes()) });
///
/// tokio::time::sleep(Duration::from_secs(30)).await;
/// assert!(progress.is_paying(), "it was sent, and may be charged from here on");
/// call.await??;
/// assert!(!progress.is_paying() && progress.may_have_paid(), "it has ended, and was");
/// # Ok(()) }
/// ```
///
/// Without a stack that has a retry layer below, it hears of no attempt: nothing is known to be sent then.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<State>>);

/// Behind one lock, which is never held over a call of another `Progress`: one that is followed has a lock of its
/// own.
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
    /// Whose attempts this one tells: that of the operation that its caller waits for.
    followed: Option<Progress>,
    /// Of tasks that want to know when a caller leaves; drained at each change.
    wakers: Vec<Waker>,
}

/// An ending that cost nothing, after which the operation goes on.
///
/// The last one is what a caller gets that stops waiting: see
/// [`Patience::Refusal`](crate::config::Patience::Refusal). [`Progress::refusal`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeRefusal {
    /// The provider's status, where there was an answer.
    pub status: Option<StatusCode>,
    /// What the ending means; nothing of it is charged.
    pub class: Class,
    /// How long until it makes sense to ask again: what the provider said, else what the retry layer waits.
    pub wait: Duration,
}

impl Progress {
    /// The handle in `extensions`, or a new one, put there with its observer.
    ///
    /// ```
    /// use longhaul_gateway::progress::Progress;
    ///
    /// let mut request = http::Request::new(());
    /// let of_caller = Progress::enter(request.extensions_mut());
    /// let deeper = Progress::enter(request.extensions_mut());
    /// let caller = deeper.join();
    /// assert_eq!(of_caller.callers(), 1, "the same handle");
    /// # drop(caller);
    /// ```
    pub fn enter(extensions: &mut Extensions) -> Self {
        if let Some(progress) = extensions.get::<Self>() {
            return progress.clone();
        }
        let progress = Self::default();
        progress.put_into(extensions);
        progress
    }

    /// Puts the handle and its observer into `extensions`, in place of what is there.
    ///
    /// An observer that was there is replaced: this is for a layer whose operation is another one than its caller's.
    pub fn put_into(&self, extensions: &mut Extensions) {
        let hears = self.clone();
        extensions.insert(Observer::new(move |event: &Event<'_>| hears.hear(event)));
        extensions.insert(self.clone());
    }

    /// Attempts are kept in the order in which they began. Of waits only those after a free ending count, since what
    /// may have been charged is nothing to refuse a caller with.
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
    ///
    /// Attempts, refusal, name and money are the other's; who the callers are, and whether the operation runs on,
    /// stays each handle's own.
    ///
    /// ```
    /// use longhaul_gateway::progress::Progress;
    ///
    /// let (operation, second_caller) = (Progress::default(), Progress::default());
    /// operation.set_name("op_1");
    /// second_caller.follow(&operation);
    /// assert_eq!(second_caller.name().as_deref(), Some("op_1"));
    /// ```
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
    ///
    /// An attempt is, from the moment that all of its request may have been written until it has an end.
    pub fn is_paying(&self) -> bool {
        self.attempts().iter().any(is_paying)
    }

    /// The operation runs in another process: what it sent there is not known here.
    ///
    /// It counts as one that may have been paid from then on, so that its line is kept open.
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
    ///
    /// This is the question before a refusal, an end, or another sending: `false` means that nobody loses money by
    /// it. A request of which only a part was sent counts as free, since no provider generates from half a body.
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
    ///
    /// For gauges. What is free, or nearly, is left out.
    pub(crate) fn exposures(&self) -> Vec<Exposure> {
        let exposures = self.attempts().into_iter();
        exposures
            .map(|attempt| attempt.exposure_now())
            .filter(is_a_risk)
            .collect()
    }

    /// Whether an attempt has begun that has no end yet.
    ///
    /// Also before its request is out: it is neither free to end nor paid yet.
    pub fn is_trying(&self) -> bool {
        self.attempts()
            .iter()
            .any(|attempt| attempt.outcome_now().is_none())
    }

    /// The public name of the operation, where a layer gave it one.
    ///
    /// [`IdempotentReplay`](crate::replay) gives it; without that layer an operation has no public name.
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
    ///
    /// Joined before the operation begins, an operation is never without a caller by accident.
    ///
    /// ```
    /// use longhaul_gateway::progress::Progress;
    ///
    /// let progress = Progress::default();
    /// let (one, other) = (progress.join(), progress.join());
    /// drop(one);
    /// assert!(!progress.is_abandoned(), "the other still waits");
    /// drop(other);
    /// assert!(progress.is_abandoned());
    /// ```
    pub fn join(&self) -> Presence {
        let mut state = self.state();
        state.callers += 1;
        state.had_callers = true;
        Presence(self.clone())
    }

    /// Whether a layer above knows who the callers are.
    ///
    /// True from the first [`join`](Self::join) on, also when all have left.
    pub fn is_watched(&self) -> bool {
        self.state().had_callers
    }

    /// How many callers wait for the answer.
    ///
    /// Those of this handle, also where it follows another.
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
    ///
    /// There is no way back: a promise to a caller that has left cannot be taken from it.
    pub fn run_on(&self) {
        self.state().runs_on = true;
    }

    /// Whether all callers have left and nobody will come back: nothing more must be begun.
    ///
    /// False where nobody ever [joined](Self::join): who its callers are is then not known here.
    pub fn is_abandoned(&self) -> bool {
        let state = self.state();
        state.had_callers && state.callers == 0 && !state.runs_on
    }

    /// Wakes the task of `cx` when a caller leaves.
    ///
    /// To be called before the state is looked at, so that no change slips in between.
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

/// A status proves that the request was read; without one, the bytes that were written tell.
fn is_paying(attempt: &Attempt) -> bool {
    attempt.outcome_now().is_none()
        && (attempt.status().is_some() || attempt.sent() == Sent::PossiblyWhole)
}

/// Whether an attempt that ended so may have been charged: what was sent in part only counts as free.
pub(crate) fn may_be_charged(outcome: &Outcome) -> bool {
    is_a_risk(&outcome.exposure)
}

/// More likely charged than a request of which only a part was sent.
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
///
/// [`Progress::join`] returns it. It is held by whatever a server drops when a line is cut: a future, then the body.
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
