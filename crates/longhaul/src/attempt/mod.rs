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
mod caller_deadline;
mod expiry;
mod facts;
mod operation;
mod options;
mod route_info;
mod sent_secrets;
mod task;
mod transport;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Extensions, HeaderValue, StatusCode, Version};
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::facts::PictureNote;
use self::facts::{Entry, Facts};
pub(crate) use self::sent_secrets::SentSecrets;
pub(crate) use self::{
    admission::{Admission, Prospect},
    caller_deadline::callers as callers_deadline,
    expiry::Expiry,
    operation::{OtherTargets, PriorAttempts},
    options::AttemptOptions,
    route_info::RouteInfo,
};
pub use self::{
    caller_deadline::{DeadlineForm, DeadlineHeader},
    facts::{Sent, Timing},
    operation::{Deadline, OperationId},
    task::{TaskEnd, TaskHandle, TaskNoted, TaskSink},
    transport::{Transport, Written},
};
pub(crate) use crate::model::after;
use crate::model::{
    Class, Classification, End, Evidence, Exposure, Http1Report, Money, Outcome, Phase,
    ProviderChargeRules, TimeScale,
};

/// One try at sending an operation: a cheap shared handle, numbered from 1.
#[derive(Clone)]
pub struct Attempt(Arc<Inner>);

struct Inner {
    operation: OperationId,
    number: u32,
    key: Option<HeaderValue>,
    options: AttemptOptions,
    facts: Mutex<Facts>,
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
        Self(Arc::new(Inner {
            operation,
            number,
            key,
            options,
            facts: Mutex::new(Facts::begun(Instant::now())),
            ended: Notify::new(),
        }))
    }

    /// The handle in `extensions`, or else a new one, attempt 1 of an operation of its own, put there.
    /// The second value says that it is new: whoever made it owes it an outcome.
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
    pub fn operation(&self) -> OperationId {
        self.0.operation
    }

    /// Which try, counted from 1.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The idempotency key that was sent, where a retry layer sent one.
    pub fn idempotency_key(&self) -> Option<&HeaderValue> {
        self.0.key.as_ref()
    }

    /// What the retry layer laid down for it.
    pub(crate) fn options(&self) -> &AttemptOptions {
        &self.0.options
    }

    /// When it began: at the call, or when a place in flight was free.
    pub fn started(&self) -> Instant {
        self.facts().started
    }

    /// From its beginning until now, or until its end.
    pub fn elapsed(&self) -> Duration {
        match self.outcome_now() {
            Some(outcome) => outcome.duration,
            None => self.started().elapsed(),
        }
    }

    /// Where it is now; where it was, once ended.
    pub fn phase(&self) -> Phase {
        match self.outcome_now() {
            Some(outcome) => outcome.phase,
            None => self.facts().phase(),
        }
    }

    /// How much of the request is out, as far as it is proved.
    pub fn sent(&self) -> Sent {
        self.facts().sent()
    }

    /// Whether the request can have failed to connect, by what is proved of it.
    pub(crate) fn may_be_unconnected(&self) -> bool {
        self.facts().may_be_unconnected()
    }

    /// Whether a connection has proved that a part of the request was written.
    pub(crate) fn is_written(&self) -> bool {
        self.facts().is_written()
    }

    /// Says that its entry in a ledger is to be opened; `false` where one is open already, so that what is sent once is
    /// written down once.
    pub(crate) fn claim_entry(&self) -> bool {
        let mut facts = self.facts();
        let first = facts.entry == Entry::None;
        if first {
            facts.entry = Entry::Open;
        }
        first
    }

    /// It is made within `outer`, by a retry loop inside another one's attempt: what the first of them costs stands in
    /// the entry of that attempt. Further ones are further calls.
    pub(crate) fn made_within(&self, outer: &Self) {
        let mut of_outer = outer.facts();
        if of_outer.entry == Entry::Open {
            of_outer.entry = Entry::Shared;
            drop(of_outer);
            self.facts().entry = Entry::Open;
        }
    }

    /// Announces that the answer is read for its picture: until
    /// [`note_picture_began`](Self::note_picture_began) the limit by size goes on.
    pub(crate) fn await_picture(&self) {
        let mut facts = self.facts();
        if facts.picture == PictureNote::Unwatched {
            facts.picture = PictureNote::Awaited;
        }
    }

    /// Writes down that the first piece of the picture came. The first time counts.
    pub(crate) fn note_picture_began(&self) {
        let mut facts = self.facts();
        if !matches!(facts.picture, PictureNote::Began(_)) {
            facts.picture = PictureNote::Began(Instant::now());
        }
    }

    /// Whether the picture began to arrive.
    pub(crate) fn picture(&self) -> PictureNote {
        self.facts().picture
    }

    /// When the request was flushed, when the head came.
    pub fn timing(&self) -> Timing {
        self.facts().timing()
    }

    /// How long its request has been out without a picture, until now or its end; zero where it is not out whole.
    pub(crate) fn silence(&self) -> Duration {
        let flushed = self.timing().flushed;
        flushed.map_or(Duration::ZERO, |flushed| {
            self.elapsed().saturating_sub(flushed)
        })
    }

    /// Whether its limit ran out before its picture began, and it goes on: see
    /// [`TimeoutPolicy::at_limit`](crate::timeout::TimeoutPolicy::at_limit).
    pub fn is_late(&self) -> bool {
        self.facts().late
    }

    /// How often the wait for its place in flight ran out and went on.
    pub fn queue_timeouts(&self) -> u32 {
        self.facts().queue_timeouts
    }

    /// When the picture began to arrive: the first bytes of one in its answer, after heads, blanks, comments, heartbeats,
    /// drafts and events about the work. `None` before that, and where no [`Classify`](crate::classify::Classify) reads
    /// the answer.
    pub fn picture_began_at(&self) -> Option<Instant> {
        match self.facts().picture {
            PictureNote::Began(at) => Some(at),
            PictureNote::Unwatched | PictureNote::Awaited => None,
        }
    }

    /// Whether it was answered without a picture and without anything else: no words, no refusal, no error. Where
    /// [`Class::NoImage`] is not final, these are the answers to ask for once more.
    pub fn is_empty_result(&self) -> bool {
        self.facts().is_empty_result
    }

    /// Whether its answer would have been held until it was whole, had there been
    /// [memory](crate::classify::ClassifyPolicy::client_hold_limit).
    pub fn was_not_held(&self) -> bool {
        self.facts().not_held
    }

    /// From the request that was out whole to the head, on the provider's clock. What our own clock shows below two
    /// seconds is not drawn out where the provider's runs faster: it is this machine's own.
    pub(crate) fn provider_wait(&self) -> Option<Duration> {
        const OUR_OWN: Duration = Duration::from_secs(2);
        let waited = self.timing().flush_to_head()?;
        let scale = self
            .facts()
            .route
            .as_ref()
            .map_or_else(TimeScale::default, |route| route.scale);
        let provider = scale.provider(waited);
        Some(if waited < OUR_OWN {
            provider.min(OUR_OWN)
        } else {
            provider
        })
    }

    /// Bytes of the request body that were handed to the client.
    pub fn body_bytes_handed_over(&self) -> u64 {
        self.facts().body.handed
    }

    /// Bytes of the request that went out: as far as the connection proves it, else as they were handed over.
    pub(crate) fn body_bytes_sent(&self) -> u64 {
        self.facts().bytes_sent()
    }

    /// The answer's status, once its head is here.
    pub fn status(&self) -> Option<StatusCode> {
        self.facts().head.map(|head| head.status)
    }

    /// The HTTP version that the answer came with, once its head is here.
    pub fn http_version(&self) -> Option<Version> {
        self.facts().head.map(|head| head.version)
    }

    /// What it means, once a classifier has said so. The first word stays.
    pub fn class(&self) -> Option<Class> {
        self.facts().class
    }

    /// What its answer says of itself: ids, counts, reasons. Complete at the end of the answer's body.
    pub fn evidence(&self) -> Evidence {
        self.facts().evidence.clone()
    }

    /// Who on the way answered instead of the provider, where its page or header is known.
    pub fn answered_by(&self) -> Option<&'static str> {
        self.facts().answered_by
    }

    /// The outcome, if it has ended.
    pub fn outcome_now(&self) -> Option<Outcome> {
        self.facts().outcome
    }

    /// Waits for the end: at the last byte of the answer's body, at the error, or when it is dropped.
    ///
    /// Cancel-safe. Needs somebody else to read the body: this only watches.
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

    /// Tells that the client below will [link](Self::link) a connection before it writes a byte.
    ///
    /// For clients that can prove what they wrote; until the link, nothing counts as sent.
    pub fn connecting(&self) {
        self.facts().transport.connecting();
    }

    /// Links the connection that carries this attempt, before the request is handed to it.
    pub fn link(&self, transport: Arc<dyn Transport>) {
        self.facts().transport.link(transport);
    }

    /// Takes back [`connecting`](Self::connecting): the connection cannot tell what it writes for whom,
    /// as with HTTP/2. A link that is there stays.
    pub fn unproved(&self) {
        self.facts().transport.unproved();
    }

    /// Writes down that the answer's head is here. The first one stays.
    pub fn head_received(&self, status: StatusCode, version: Version) {
        self.facts().head_received(status, version);
    }

    /// Writes down that what came back is no HTTP, or none that the client reads: no connection was cut.
    ///
    /// For clients, beside a [`MalformedResponse`](crate::ErrorKind::MalformedResponse).
    pub fn malformed_response(&self) {
        self.facts().malformed_response = true;
    }

    /// Whether what came back was no HTTP that the client reads.
    pub(crate) fn is_malformed_response(&self) -> bool {
        self.facts().malformed_response
    }

    /// Writes down how it travelled.
    pub(crate) fn note_http1(&self, report: Http1Report) {
        self.facts().http1 = Some(report);
    }

    pub(crate) fn http1(&self) -> Option<Http1Report> {
        self.facts().http1
    }

    /// Says what it means. The first class written stays; returned is the one that holds.
    pub fn classify(&self, class: Class) -> Class {
        *self.facts().class.get_or_insert(class)
    }

    /// The price of one success and the provider's own charge_rules, for the exposure.
    pub(crate) fn set_price(
        &self,
        price: Option<Money>,
        charge_rules: Option<Box<ProviderChargeRules>>,
    ) {
        let mut facts = self.facts();
        facts.price = price;
        facts.charge_rules = charge_rules;
    }

    /// Where it goes, and by which clock: what a diagnosis needs besides. The first stays.
    pub(crate) fn set_route_info(&self, route: RouteInfo) {
        self.facts().route.get_or_insert(route);
    }

    pub(crate) fn route(&self) -> Option<RouteInfo> {
        self.facts().route.clone()
    }

    /// The keys that the request carries: what its answer repeats of them is not kept.
    pub(crate) fn set_secrets(&self, secrets: SentSecrets) {
        self.facts().secrets = secrets;
    }

    /// What the head of its answer says of it.
    pub(crate) fn note_evidence(&self, evidence: Evidence) {
        let mut facts = self.facts();
        facts.evidence = evidence;
        facts.forget_secrets();
    }

    /// What the body of its answer adds.
    pub(crate) fn note_body(&self, evidence: Evidence) {
        let mut facts = self.facts();
        facts.evidence.add_body(evidence);
        let previews = std::mem::take(&mut facts.previews);
        facts.evidence.drafts = facts.evidence.drafts.saturating_add(previews);
        facts.forget_secrets();
    }

    /// There was no memory to hold its answer in.
    pub(crate) fn note_not_held(&self) {
        self.facts().not_held = true;
    }

    /// What the classification says besides the class. To be noted before the end.
    pub(crate) fn note_classification(&self, classification: &Classification) {
        let mut facts = self.facts();
        facts.charged = classification.charged.or(facts.charged);
        facts.told_price = classification.price;
        facts.is_empty_result = classification.is_empty_result;
        facts.answered_by = classification.answered_by;
    }

    /// The limit until its picture begins, where the table says `table`: what the last pictures of its size and route ask
    /// for, if that is longer.
    pub(crate) fn learned_limit(&self, table: Duration) -> Duration {
        let mut facts = self.facts();
        let Some(learned) = facts
            .route
            .as_ref()
            .and_then(|route| route.learned_limit(table))
        else {
            return table;
        };
        facts.learned_limit = Some((table, learned));
        learned
    }

    /// The table's limit and the one that is learned, where that is in force.
    pub(crate) fn limits(&self) -> Option<(Duration, Duration)> {
        self.facts().learned_limit
    }

    /// The wait for its place in flight ran out, and goes on.
    pub(crate) fn waited_for_place(&self) {
        self.facts().queue_timeouts += 1;
    }

    /// It waits for its place in flight: nothing can be sent before it [restarts](Self::restart).
    pub(crate) fn queued(&self) {
        self.facts().transport.connecting();
    }

    /// Starts its clock anew: the wait for a place in flight is not part of it.
    pub(crate) fn restart(&self) {
        let mut facts = self.facts();
        facts.started = Instant::now();
        facts.transport.unproved();
    }

    /// Its head clock ran out, and it goes on.
    pub(crate) fn mark_late(&self) {
        self.facts().late = true;
    }

    /// Another attempt brought the picture first. Whoever drops this one, its end is
    /// [`Superseded`](End::Superseded); what was sent is proved when it is dropped, and not before.
    pub(crate) fn supersede(&self) {
        self.facts().dropped_as = Some(End::Superseded);
    }

    /// The operation's deadline is over. Whoever drops this one, its end is [`TimedOut`](End::TimedOut).
    pub(crate) fn expire(&self) {
        self.facts().dropped_as = Some(End::TimedOut);
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        // The facts are plain values: a panic elsewhere cannot have left them half-written.
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it. The first end stays, and so does the first class; returned is the outcome that holds.
    pub(crate) fn finish(&self, end: End, class: Class) -> Outcome {
        let task;
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
            if let (Some(route), Some(ending)) = (&facts.route, facts.silence_ending(&outcome)) {
                route.note(ending);
            }
            outcome
        };
        task.tell_end();
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
