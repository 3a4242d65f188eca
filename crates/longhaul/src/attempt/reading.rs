//! What is read of an attempt, while it runs and afterwards.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use http::{StatusCode, Version};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Attempt, PictureNote, RouteInfo, Sent, Timing};
use crate::model::{Class, Evidence, Http1Report, Phase, TimeScale};

impl Attempt {
    /// When it began: at the call, or when a place in flight was free.
    ///
    /// The wait for a place in flight lies before it: a queue does not make an attempt late. So of a call that is still
    /// queued this is the moment of the call, and a later one once it has its place.
    pub fn started(&self) -> Instant {
        self.facts().started
    }

    /// From its beginning until now, or until its end.
    ///
    /// ```
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// // For a bar that fills: what share of the usual time for a 4K picture (120 s) has passed.
    /// let share = attempt.elapsed().as_secs_f64() / 120.0;
    /// assert!(share < 1.0, "it has only begun");
    /// ```
    pub fn elapsed(&self) -> Duration {
        match self.outcome_now() {
            Some(outcome) => outcome.duration,
            None => self.started().elapsed(),
        }
    }

    /// Where it is now; where it was, once ended.
    ///
    /// For a line of progress: in [`Head`](Phase::Head) the model works, and nothing flows for minutes.
    ///
    /// ```
    /// use longhaul::{Attempt, Phase};
    ///
    /// fn word(attempt: &Attempt) -> &'static str {
    ///     match attempt.phase() {
    ///         Phase::Connect => "looking for a connection",
    ///         Phase::Write => "sending",
    ///         Phase::Head => "the model works",
    ///         Phase::Body => "the picture arrives",
    ///         Phase::Unknown => "gone",
    ///     }
    /// }
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = Attempt::enter(request.extensions_mut());
    /// attempt.connecting();
    /// assert_eq!(word(&attempt), "looking for a connection");
    /// ```
    pub fn phase(&self) -> Phase {
        match self.outcome_now() {
            Some(outcome) => outcome.phase,
            None => self.facts().phase(),
        }
    }

    /// How much of the request is out, as far as it is proved.
    ///
    /// While the request is being written the answer is true for this moment alone; at the end of the attempt it is final.
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

    /// Whether the picture began to arrive.
    pub(crate) fn picture(&self) -> PictureNote {
        self.facts().picture
    }

    /// When the request was flushed, when the head came.
    ///
    /// Both are `None` of an attempt that did not get so far.
    ///
    /// ```
    /// use longhaul::Attempt;
    ///
    /// /// How long the model worked, for a graph by model and size.
    /// fn work_seconds(attempt: &Attempt) -> Option<f64> {
    ///     Some(attempt.timing().flush_to_head()?.as_secs_f64())
    /// }
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = Attempt::enter(request.extensions_mut());
    /// assert_eq!(work_seconds(&attempt), None, "no head has come");
    /// ```
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
    ///
    /// ```
    /// use longhaul::Attempt;
    ///
    /// /// What a page says beside the spinner.
    /// fn status(attempt: &Attempt) -> String {
    ///     match attempt.is_late() {
    ///         true => format!("attempt {} takes longer than most, and may still come", attempt.number()),
    ///         false => format!("attempt {} since {} s", attempt.number(), attempt.elapsed().as_secs()),
    ///     }
    /// }
    /// ```
    pub fn is_late(&self) -> bool {
        self.facts().late
    }

    /// How often the wait for its place in flight ran out and went on.
    ///
    /// More than zero means that [`max_per_host`](crate::in_flight::InFlightPolicy::max_per_host) calls were running for so long: the
    /// limit is too low for the load, or the provider is slow. No attempt and no money is lost by it.
    pub fn queue_timeouts(&self) -> u32 {
        self.facts().queue_timeouts
    }

    /// The place in flight that is held for it: its own, or that of an earlier attempt of the operation.
    ///
    /// Weak: the permit belongs to the running call and its body, and a handle that somebody keeps must not hold a place.
    pub(crate) fn place(&self) -> Option<Arc<OwnedSemaphorePermit>> {
        self.facts().place.as_ref().and_then(Weak::upgrade)
    }

    /// When the picture began to arrive: the first bytes of one in its answer, after heads, blanks, comments, heartbeats,
    /// drafts and events about the work. `None` before that, and where no [`Classify`](crate::classify::Classify) reads
    /// the answer.
    ///
    /// Once this is `Some`, the limit by size no longer applies, and only progress counts: see
    /// [`TimeoutPolicy`](crate::timeout::TimeoutPolicy).
    pub fn picture_began_at(&self) -> Option<Instant> {
        match self.facts().picture {
            PictureNote::Began(at) => Some(at),
            PictureNote::Unwatched | PictureNote::Awaited => None,
        }
    }

    /// Whether it was answered without a picture and without anything else: no words, no refusal, no error. Where
    /// [`Class::NoImage`] is not final, these are the answers to ask for once more.
    ///
    /// A safety filter that drops a picture without a word looks like this. The retry layer asks for the first such answer of
    /// an operation once more, as a duplicate: it costs the same again.
    pub fn is_empty_result(&self) -> bool {
        self.facts().is_empty_result
    }

    /// Whether its answer would have been held until it was whole, had there been
    /// [memory](crate::classify::ClassifyPolicy::client_hold_limit).
    ///
    /// Such an answer streams to the caller as it comes. If it breaks off, the caller sees the error, and no further attempt can
    /// be made in its place.
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
    ///
    /// Without framing and headers. The client may have them in a buffer: what went out is told by [`sent`](Self::sent). Zero
    /// where no layer watches the request's body.
    pub fn body_bytes_handed_over(&self) -> u64 {
        self.facts().body.handed
    }

    /// Bytes of the request that went out: as far as the connection proves it, else as they were handed over.
    pub(crate) fn body_bytes_sent(&self) -> u64 {
        self.facts().bytes_sent()
    }

    /// The answer's status, once its head is here.
    ///
    /// ```
    /// use http::{StatusCode, Version};
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// assert_eq!(attempt.status(), None);
    /// // What a client below writes down when the head comes:
    /// attempt.head_received(StatusCode::OK, Version::HTTP_11);
    /// assert_eq!(attempt.status(), Some(StatusCode::OK));
    /// assert_eq!(attempt.http_version(), Some(Version::HTTP_11));
    /// ```
    pub fn status(&self) -> Option<StatusCode> {
        self.facts().head.map(|head| head.status)
    }

    /// The host that it goes to, with its port where the URL names one; `None` where no retry layer made it.
    ///
    /// In small letters, as routes are told apart by it. A password in the URL is not part of it.
    pub fn host(&self) -> Option<Arc<str>> {
        Some(self.facts().route.as_ref()?.route.host().clone())
    }

    /// The HTTP version that the answer came with, once its head is here.
    ///
    /// HTTP/2 here, where the policy wants HTTP/1.1, is a connector that offers both: see
    /// [`Http1Report::mismatch`](crate::http1::Http1Report::mismatch).
    pub fn http_version(&self) -> Option<Version> {
        self.facts().head.map(|head| head.version)
    }

    /// What it means, once a classifier has said so. The first word stays.
    ///
    /// `None` while a long answer is still arriving: a 200 is [`Delivered`](Class::Delivered) at its last byte and not before.
    ///
    /// ```
    /// use longhaul::{Attempt, Class};
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = Attempt::enter(request.extensions_mut());
    /// assert_eq!(attempt.class(), None);
    /// attempt.classify(Class::Overloaded);
    /// assert_eq!(attempt.class(), Some(Class::Overloaded));
    /// ```
    pub fn class(&self) -> Option<Class> {
        self.facts().class
    }

    /// What its answer says of itself: ids, counts, reasons. Complete at the end of the answer's body.
    ///
    /// ```
    /// use longhaul::Attempt;
    ///
    /// /// What a provider's support asks for.
    /// fn request_id(attempt: &Attempt) -> Option<String> {
    ///     let found = attempt.evidence();
    ///     found.request_ids.first().map(|found| format!("{}: {}", found.from, found.id))
    /// }
    /// ```
    pub fn evidence(&self) -> Evidence {
        self.facts().evidence()
    }

    /// Who on the way answered instead of the provider, where its page or header is known.
    ///
    /// A picture that a proxy's error page stands for was most likely made all the same: it is the proxy's limit that has to be raised.
    ///
    /// ```
    /// use longhaul::Attempt;
    ///
    /// /// What the operator has to look at.
    /// fn hint(attempt: &Attempt) -> String {
    ///     match attempt.answered_by() {
    ///         Some(who) => format!("{who} gave up, not the model: raise its limit"),
    ///         None => "the provider itself answered".to_owned(),
    ///     }
    /// }
    /// ```
    pub fn answered_by(&self) -> Option<&'static str> {
        self.facts().answered_by
    }

    /// Whether what came back was no HTTP that the client reads.
    pub(crate) fn is_malformed_response(&self) -> bool {
        self.facts().malformed_response
    }

    pub(crate) fn http1(&self) -> Option<Http1Report> {
        self.facts().http1
    }

    pub(crate) fn route(&self) -> Option<RouteInfo> {
        self.facts().route.clone()
    }

    /// The table's limit and the one that is learned, where that is in force.
    pub(crate) fn limits(&self) -> Option<(Duration, Duration)> {
        self.facts().learned_limit
    }
}
