//! What is written down of an attempt while it runs.
//!
//! One struct behind one lock, of plain values: a reader sees a state that was true at one moment, and a panic of a writer
//! cannot leave it half-written. It says what was *seen*. What follows from it is computed when somebody asks: the phase and
//! what was sent in `sending.rs`, the exposure here. So no two fields can contradict each other, and a fact that comes late
//! (a flush that is proved after the head came) corrects every conclusion.

use std::{sync::Weak, time::Duration};

use http::{StatusCode, Version};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    RouteInfo, SentSecrets, on_end::OnEnd, route_info::Silence, task::TaskFacts,
    transport::TransportState,
};
use crate::model::{
    Class, End, Evidence, Exposure, How, Http1Report, Money, Outcome, Probability,
    ProviderChargeRules, after,
};

/// The head of the answer that counts: the first one, unless it answered the submit of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedHead {
    pub(super) at: Instant,
    pub(super) status: StatusCode,
    pub(super) version: Version,
}

/// What the request body's wrapper saw of it.
///
/// `handed` counts bytes that the client took out of the body. Taking is not sending: the client may hold them in a buffer.
/// Only a linked connection proves more, and where there is one, its counts outrank these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyFacts {
    /// Whether anybody watches the body; if not, nothing follows from the rest.
    pub(crate) watched: bool,
    /// The first poll, then the latest slice.
    pub(crate) progress: Option<Instant>,
    /// The last slice, or the call itself for an empty body.
    pub(crate) ended: Option<Instant>,
    /// Bytes handed over so far.
    pub(crate) handed: u64,
}

/// Whether the picture began to arrive, as far as a layer that reads the answer says so.
///
/// The limit by size runs until [`Began`](Self::Began), and not until the head: providers and proxies send heads, blanks
/// and comments to keep a line open, and none of these is a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PictureNote {
    /// No layer reads the answer for it.
    Unwatched,
    /// A layer reads the answer, and has seen no piece of a picture yet.
    Awaited,
    /// The first piece came then.
    Began(Instant),
}

/// Whether what an attempt costs is written down.
///
/// One generation is one entry, also where two trackers or two retry loops see the attempt: whoever finds
/// [`Open`](Self::Open) opens no second one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EntryState {
    None,
    /// In an entry of its own, or of the attempt that it is made within.
    Open,
    /// The same, and an attempt of another retry loop within this one is the one that it is about.
    Shared,
}

/// Everything that is written down of an attempt while it runs.
#[derive(Debug)]
pub(crate) struct AttemptFacts {
    pub(super) started: Instant,
    pub(crate) body: BodyFacts,
    pub(super) transport: TransportState,
    pub(super) head: Option<ReceivedHead>,
    pub(super) http1: Option<Http1Report>,
    pub(super) class: Option<Class>,
    pub(super) price: Option<Money>,
    /// What one draft costs besides.
    pub(super) draft_price: Option<Money>,
    // Boxed: few providers have any.
    pub(super) charge_rules: Option<Box<ProviderChargeRules>>,
    pub(super) queue_timeouts: u32,
    /// Its place in flight, or before it has one of its own that of an earlier attempt of the operation.
    pub(super) place: Option<Weak<OwnedSemaphorePermit>>,
    pub(crate) picture: PictureNote,
    // Its clock by size ran out, and it goes on.
    pub(super) late: bool,
    /// Its entry in a ledger.
    pub(super) entry: EntryState,
    /// There was no memory to hold the answer in.
    pub(super) not_held: bool,
    // The table's limit and the one that is learned.
    pub(super) learned_limit: Option<(Duration, Duration)>,
    // How it ends when it is dropped, where that is not its caller's leave.
    pub(super) dropped_as: Option<End>,
    pub(super) evidence: Evidence,
    pub(super) secrets: SentSecrets,
    pub(super) malformed_response: bool,
    /// What the answer itself says of being charged.
    pub(super) charged: Option<Probability>,
    /// What the answer itself says that it cost.
    pub(super) told_price: Option<Money>,
    pub(super) is_empty_result: bool,
    pub(super) answered_by: Option<&'static str>,
    pub(super) route: Option<RouteInfo>,
    pub(super) task: TaskFacts,
    /// The head is that of the answer to the task.
    answers_task: bool,
    /// Drafts that came beside the answer, which an exchange took out of it.
    pub(super) drafts_beside: u32,
    /// No line was silent while the model worked: how it ended says nothing of what the route lets be silent.
    pub(super) not_silent: bool,
    /// Its span in the trace, until it ends.
    #[cfg(feature = "tracing")]
    pub(super) span: Option<tracing::Span>,
    /// Set once, and then it stays.
    pub(super) outcome: Option<Outcome>,
    pub(super) on_end: OnEnd,
}

/// How likely a success is charged at least, whatever it says, unless it says that it is not.
///
/// Relays bill by the status of their answer. A body that reads like a refusal lowers the probability; a status of 200
/// keeps it from reaching zero. Half is our estimate, as all charge probabilities are.
const IN_A_SUCCESS: Probability = Probability::permille(500);

impl AttemptFacts {
    pub(super) fn begun(started: Instant) -> Self {
        Self {
            started,
            body: BodyFacts::default(),
            transport: TransportState::default(),
            head: None,
            http1: None,
            class: None,
            price: None,
            draft_price: None,
            charge_rules: None,
            queue_timeouts: 0,
            place: None,
            picture: PictureNote::Unwatched,
            late: false,
            entry: EntryState::None,
            not_held: false,
            learned_limit: None,
            dropped_as: None,
            evidence: Evidence::default(),
            secrets: SentSecrets::default(),
            malformed_response: false,
            charged: None,
            told_price: None,
            is_empty_result: false,
            answered_by: None,
            route: None,
            task: TaskFacts::default(),
            answers_task: false,
            drafts_beside: 0,
            not_silent: false,
            #[cfg(feature = "tracing")]
            span: None,
            outcome: None,
            on_end: OnEnd::default(),
        }
    }

    /// A later head is that of a redirect, a poll or an informational answer that some client reports: the first stays. A task
    /// is the exception. Its submit was answered minutes before, and what the caller waits for is the head of the answer to it.
    pub(super) fn head_received(&mut self, status: StatusCode, version: Version) {
        // The submit was answered before: this is the answer.
        if self.task.has_ended() && !self.answers_task {
            self.answers_task = true;
            self.head = None;
        }
        self.head.get_or_insert_with(|| ReceivedHead {
            at: Instant::now(),
            status,
            version,
        });
    }

    /// Whether only the deadline bounds it: a task was submitted, whose answer is asked for again and again.
    pub(crate) const fn is_task_open(&self) -> bool {
        self.task.is_open()
    }

    /// Nothing of the request's keys is kept, wherever the answer repeats them.
    ///
    /// Called after each note of evidence, since a provider may repeat a key in a header, in an error's text or in an id.
    pub(super) fn forget_secrets(&mut self) {
        let Self {
            evidence, secrets, ..
        } = self;
        evidence.forget(|text| secrets.are_shown_by(text));
    }

    /// How the silence after the request ended, if it was sent whole: what the route learns of it.
    ///
    /// `None` where the route taught nothing: the request was not out whole, or something kept the line busy. A picture that
    /// was delivered or broken off counts as one that came; only an ending that nobody here caused counts as a cut. Our own
    /// clocks and callers that left say no more than that the silence lasted so long.
    pub(super) fn silence_ending(&self, outcome: &Outcome) -> Option<Silence> {
        if self.not_silent {
            return None;
        }
        let flushed = self.flushed_at()?;
        let end = after(self.started, outcome.duration);
        let head = self.head.map_or(end, |head| head.at);
        let (at, came) = match self.picture {
            PictureNote::Began(at) => (at, true),
            // What came before it were comments and heartbeats.
            PictureNote::Awaited if outcome.class == Class::Delivered => (head, true),
            PictureNote::Awaited => (end, false),
            PictureNote::Unwatched => (head, self.head.is_some()),
        };
        let how = match (outcome.end, outcome.class) {
            (_, Class::Delivered | Class::Undelivered) if came => How::Picture,
            (End::Failed | End::Finished, Class::IntermediaryCut | Class::UnknownOutcome) => {
                How::Cut
            }
            _ => How::Longer,
        };
        Some(Silence {
            at,
            lasted: at.saturating_duration_since(flushed),
            how,
        })
    }

    /// What the answer says of itself, with the drafts that came beside it.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            drafts: self.drafts(),
            ..self.evidence.clone()
        }
    }

    /// All drafts: those in the answer, and those that came beside it.
    const fn drafts(&self) -> u32 {
        self.evidence.drafts.saturating_add(self.drafts_beside)
    }

    /// What it may have cost: nothing where it only collected what another attempt submitted.
    ///
    /// The price stays, so that an entry shows what the task costs. The probability is zero, because the entry of the attempt
    /// that submitted the task has it.
    pub(super) fn exposure(&self, class: Class) -> Exposure {
        let exposure = self.exposure_of_work(class);
        if self.task.is_anothers() {
            return Exposure {
                probability: Probability::ZERO,
                ..exposure
            };
        }
        exposure
    }

    /// What the work may have cost, whoever ordered it: by what the answer itself says; else by what is known of the
    /// provider; else by the class.
    pub(super) fn exposure_of_work(&self, class: Class) -> Exposure {
        // A content filter that refuses the request has cost nothing; one that refuses the picture has.
        let answered_well = self.head.map(|head| head.status.is_success());
        let refused = class == Class::ContentBlocked && answered_well == Some(false);
        // Relays charge by the status.
        let least = match answered_well {
            Some(true) => IN_A_SUCCESS,
            _ => Probability::ZERO,
        };
        let of_provider = || self.charge_rules.as_ref()?.of(class);
        let probability = self
            .charged
            .or(refused.then_some(Probability::ZERO))
            .or_else(of_provider)
            .unwrap_or_else(|| class.charge_probability().max(least));
        // The answer's own price is in dollars, and nobody here changes money.
        let comparable = |told: &Money| {
            self.price
                .is_none_or(|price| price.currency == told.currency)
        };
        // What the answer says is the whole of it, drafts included.
        match self.told_price.filter(comparable) {
            Some(told) => Exposure::new(probability, Some(told)),
            None => Exposure::new(probability, self.price).with_drafts(self.drafts_price()),
        }
    }

    fn drafts_price(&self) -> Option<Money> {
        let each = self.draft_price.filter(|_| self.drafts() > 0)?;
        Some(each.times(self.drafts()))
    }
}
