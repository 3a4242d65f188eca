//! The attempt handle: what every layer knows about one try at sending an operation.
//!
//! The outermost of our per-attempt layers puts an [`Attempt`] into the request's extensions and
//! another clone of it comes back in the response's. Lower layers write facts into it (bytes handed
//! over, bytes flushed, the head); upper layers, drop guards and people read them. At the head a long
//! answer is still pending: [`Attempt::outcome`] ends at the last byte.
//!
//! ```
//! # async fn example(response: http::Response<()>) -> Option<()> {
//! use longhaul::{Attempt, Class};
//!
//! let attempt = response.extensions().get::<Attempt>()?.clone();
//! // … read the body, on this task or another; then:
//! let outcome = attempt.outcome().await;
//! assert_eq!(outcome.class, Class::Delivered);
//! # Some(()) }
//! ```

mod admission;
mod deadline;
mod expiry;
mod facts;
mod on_end;
mod operation;
mod options;
mod reading;
mod route_info;
mod sending;
mod sent_secrets;
mod span;
mod task;
mod transport;
mod writing;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Extensions, HeaderValue};
use tokio::{sync::Notify, time::Instant};

use self::facts::AttemptFacts;
pub(crate) use self::facts::PictureNote;
pub(crate) use self::{
    admission::{Admission, Prospect},
    deadline::{OperationDeadline, Pause},
    expiry::Expiry,
    operation::{OtherTargets, PriorAttempts},
    options::AttemptOptions,
    route_info::RouteInfo,
};
pub use self::{
    deadline::Deadline,
    operation::OperationId,
    sending::{Sent, Timing},
    task::{TaskAnswer, TaskEnd, TaskHandle, TaskNoted, TaskSink},
    transport::{Transport, Written},
};
pub(crate) use self::{on_end::shielded, sent_secrets::SentSecrets};
pub(crate) use crate::model::after;
use crate::model::{Class, End, Exposure, Outcome};

/// One try at sending an operation: a cheap shared handle, numbered from 1.
///
/// ```
/// use longhaul::{Attempt, Class, retry::RetryReport};
///
/// /// Whether the picture was delivered: known at the last byte of the answer, not at its head.
/// async fn was_delivered<B>(answer: &http::Response<B>) -> bool {
///     match answer.extensions().get::<Attempt>() {
///         Some(attempt) => attempt.outcome().await.class == Class::Delivered,
///         None => false,
///     }
/// }
/// ```
///
/// A clone is a reference to the same attempt. Dropping one ends nothing: the layer that made the attempt ends it, also where
/// the caller drops the call in the middle. So a clone may be kept for as long as somebody wants to read it; it holds no
/// place in flight and no part of a body.
#[derive(Clone)]
pub struct Attempt(Arc<AttemptInner>);

struct AttemptInner {
    operation: OperationId,
    number: u32,
    key: Option<HeaderValue>,
    options: AttemptOptions,
    facts: Mutex<AttemptFacts>,
    ended: Notify,
}

impl Attempt {
    /// A handle for attempt `number` of `operation`, begun now.
    pub(crate) fn new(operation: OperationId, number: u32, key: Option<HeaderValue>) -> Self {
        Self::with_options(operation, number, key, AttemptOptions::default())
    }

    /// The same with these options.
    pub(crate) fn with_options(
        operation: OperationId,
        number: u32,
        key: Option<HeaderValue>,
        options: AttemptOptions,
    ) -> Self {
        Self(Arc::new(AttemptInner {
            operation,
            number,
            key,
            options,
            facts: Mutex::new(AttemptFacts::begun(Instant::now())),
            ended: Notify::new(),
        }))
    }

    /// The handle in `extensions`, or else a new one, attempt 1 of an operation of its own, put there.
    /// The second value says that it is new: the layer that made it must end it.
    ///
    /// Public only so that a client which links connections can be tested without a layer above it.
    #[doc(hidden)]
    pub fn enter(extensions: &mut Extensions) -> (Self, bool) {
        if let Some(attempt) = extensions.get::<Self>() {
            return (attempt.clone(), false);
        }
        let attempt = Self::new(OperationId::new(), 1, None);
        extensions.insert(attempt.clone());
        (attempt, true)
    }

    /// Puts the handle into the extensions of its answer, unless there is one.
    pub(crate) fn put_into(&self, extensions: &mut Extensions) {
        if extensions.get::<Self>().is_none() {
            extensions.insert(self.clone());
        }
    }

    /// The operation that this is a try of.
    ///
    /// Ledger entries, spans and reports have the same id, so that one call can be followed through all of them.
    ///
    /// ```
    /// # let mut request = http::Request::new(());
    /// # longhaul::Attempt::enter(request.extensions_mut());
    /// use longhaul::Attempt;
    ///
    /// // In a service below the layers: the id under which the ledger has this call.
    /// let attempt = request.extensions().get::<Attempt>().expect("the layers above put it there");
    /// let line = format!("operation {} attempt {}", attempt.operation(), attempt.number());
    /// assert!(line.ends_with("attempt 1"));
    /// ```
    pub fn operation(&self) -> OperationId {
        self.0.operation
    }

    /// Which try, counted from 1.
    ///
    /// The count goes on where [`Fallback`](crate::fallback) asks another target: it is the operation's, not the target's. An
    /// attempt that was [not begun](crate::Class::NotBegun) has no number, so that none is missing from the ledger.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The idempotency key that was sent, where a retry layer sent one.
    ///
    /// The same on all attempts at one target; each further target of [`Fallback`](crate::fallback) gets a key of its own.
    /// The caller's own key, where it set one. `None` where the policy or the [host's form](crate::retry::KeyForm) sends
    /// none, and where no retry layer made the attempt. It opens nothing, and may be logged.
    pub fn idempotency_key(&self) -> Option<&HeaderValue> {
        self.0.key.as_ref()
    }

    /// What the retry layer laid down for it.
    pub(crate) fn options(&self) -> &AttemptOptions {
        &self.0.options
    }

    /// The outcome, if it has ended.
    ///
    /// ```
    /// use longhaul::{Attempt, Money};
    ///
    /// /// What the attempts so far may have cost at most; `None` where a price is not known.
    /// fn at_most(attempts: &[Attempt]) -> Option<Money> {
    ///     let ended = attempts.iter().filter_map(Attempt::outcome_now);
    ///     ended.map(|outcome| outcome.exposure.possible()).reduce(|sum, cost| sum?.checked_add(cost?))?
    /// }
    ///
    /// assert_eq!(at_most(&[]), None);
    /// ```
    pub fn outcome_now(&self) -> Option<Outcome> {
        self.facts().outcome
    }

    /// Waits for the end: at the last byte of the answer's body, at the error, or when it is dropped.
    ///
    /// Cancel-safe. It only watches: another task must read the body.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Attempt, Class, End, Stack, StackRequestBody, policy::Policy};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let provider = service_fn(async |_: Request<StackRequestBody<Full<Bytes>>>| {
    ///     Response::builder().status(401).body(Full::<Bytes>::default())
    /// });
    /// let client = Stack::new(Policy::nano_banana_pro())?.layer(provider);
    /// let answer = client.oneshot(Request::get("https://api.example.com/v1/models").body(Full::<Bytes>::default())?).await?;
    /// let attempt = answer.extensions().get::<Attempt>().unwrap().clone();
    /// drop(answer);
    /// let outcome = attempt.outcome().await;
    /// assert_eq!((outcome.end, outcome.class), (End::Finished, Class::ClientError));
    /// # Ok(()) }
    /// ```
    pub async fn outcome(&self) -> Outcome {
        // A `Notified` hears every `notify_waiters` from its creation on, so the order matters.
        let ended = self.0.ended.notified();
        if let Some(outcome) = self.outcome_now() {
            return outcome;
        }
        ended.await;
        self.outcome_now()
            .expect("the outcome is set before its waiters are woken")
    }

    /// Calls `hear` at the end, once, on the task that ends the attempt: be quick, and do not block. At once, where it has
    /// ended already. A panic in it is reported as any other, and goes no further.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use longhaul::Attempt;
    ///
    /// /// Sends the class of each attempt to a thread that counts them.
    /// fn count(attempt: &Attempt, to: mpsc::Sender<&'static str>) {
    ///     attempt.on_end(move |_, outcome| {
    ///         let _ = to.send(outcome.class.name());
    ///     });
    /// }
    /// ```
    pub fn on_end(&self, hear: impl FnOnce(&Self, &Outcome) + Send + 'static) {
        let ended = {
            let mut facts = self.facts();
            match facts.outcome {
                Some(outcome) => outcome,
                None => return facts.on_end.push(hear),
            }
        };
        shielded(|| hear(self, &ended));
    }

    /// Another attempt brought the picture first. When this one is dropped, its end is
    /// [`Superseded`](End::Superseded); what was sent is proved when it is dropped, and not before.
    pub(crate) fn supersede(&self) {
        self.facts().dropped_as = Some(End::Superseded);
    }

    /// The operation's deadline is over. When this one is dropped, its end is [`TimedOut`](End::TimedOut).
    pub(crate) fn expire(&self) {
        self.facts().dropped_as = Some(End::TimedOut);
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, AttemptFacts> {
        // The facts are plain values: a panic elsewhere cannot have left them half-written.
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it. The first end stays, and so does the first class; returned is the outcome that holds.
    ///
    /// The lock is let go before anybody is told: a sink, a hearer or a waiter may read the attempt, and would wait for itself.
    /// `End::Cancelled` is what a drop guard says, which does not know why it was dropped; [`supersede`](Self::supersede) and
    /// [`expire`](Self::expire) have said so before.
    pub(crate) fn finish(&self, end: End, class: Class) -> Outcome {
        let (task, answer, on_end);
        let outcome = {
            let mut facts = self.facts();
            if let Some(holds) = facts.outcome {
                return holds;
            }
            let class = *facts.class.get_or_insert(class);
            let end = match end {
                End::Cancelled => facts.dropped_as.unwrap_or(end),
                end => end,
            };
            let outcome = Outcome {
                end,
                class,
                phase: facts.phase(),
                duration: facts.started.elapsed(),
                exposure: facts.exposure(class),
            };
            facts.outcome = Some(outcome);
            task = facts.task.clone();
            answer = facts.task_answer(outcome, class);
            on_end = std::mem::take(&mut facts.on_end);
            if let (Some(route), Some(ending)) = (&facts.route, facts.silence_ending(&outcome)) {
                route.note(ending);
            }
            outcome
        };
        if let Some(admission) = &self.0.options.admission {
            admission.ended();
        }
        if task.tell_end(answer.as_ref()) {
            self.facts().task.set_in_earlier_entry();
        }
        on_end.tell(self, &outcome);
        self.0.ended.notify_waiters();
        outcome
    }

    /// What may have been charged if it ended now with `class`.
    pub(crate) fn exposure(&self, class: Class) -> Exposure {
        self.facts().exposure(class)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("operation", &self.operation())
            .field("number", &self.number())
            .field("phase", &self.phase())
            .field("class", &self.class())
            .field("outcome", &self.outcome_now())
            .finish_non_exhaustive()
    }
}
