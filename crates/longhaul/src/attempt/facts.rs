use std::time::Duration;

use http::{StatusCode, Version};
use tokio::time::Instant;

use super::{
    RouteInfo, SentSecrets, route_info::Silence, task::TaskFacts, transport::TransportState,
};
use crate::model::{
    Class, End, Evidence, Exposure, How, Http1Report, Money, Outcome, Phase, Probability,
    ProviderChargeRules, after,
};

/// How much of a request left this machine, as far as it is proved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sent {
    /// Not one byte; the provider knows nothing of it.
    Nothing,
    /// Some, but not all: the provider cannot have read it whole.
    Part,
    /// All of it, or nobody can tell: it may be running and charged.
    PossiblyWhole,
}

/// When an attempt passed its milestones, counted from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// The whole request was flushed (proved by the client, else handed over to it).
    pub flushed: Option<Duration>,
    /// The head of the answer came.
    pub head: Option<Duration>,
}

impl Timing {
    /// From flush to head: the least that the provider's clock can have shown.
    pub fn flush_to_head(&self) -> Option<Duration> {
        Some(self.head?.saturating_sub(self.flushed?))
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) at: Instant,
    pub(super) status: StatusCode,
    pub(super) version: Version,
}

/// What the request body's wrapper saw of it.
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    None,
    /// In an entry of its own, or of the attempt that it is made within.
    Open,
    /// The same, and an attempt of another retry loop within this one is the one that it is about.
    Shared,
}

/// Everything that is written down of an attempt while it runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) started: Instant,
    pub(crate) body: BodyFacts,
    pub(super) transport: TransportState,
    pub(super) head: Option<Head>,
    pub(super) http1: Option<Http1Report>,
    pub(super) class: Option<Class>,
    pub(super) price: Option<Money>,
    // Boxed: few providers have any.
    pub(super) charge_rules: Option<Box<ProviderChargeRules>>,
    pub(super) queue_timeouts: u32,
    pub(crate) picture: PictureNote,
    // Its head clock ran out, and it goes on.
    pub(super) late: bool,
    /// Its entry in a ledger.
    pub(super) entry: Entry,
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
    /// Drafts that came beside the answer.
    pub(super) previews: u32,
    /// No line was silent while the model worked: how it ended says nothing of what the route lets be silent.
    pub(super) not_silent: bool,
    /// Set once, and then it stays.
    pub(super) outcome: Option<Outcome>,
}

/// How likely a success is charged at least, whatever it says, unless it says that it is not.
const IN_A_SUCCESS: Probability = Probability::permille(500);

impl Facts {
    pub(super) fn begun(started: Instant) -> Self {
        Self {
            started,
            body: BodyFacts::default(),
            transport: TransportState::default(),
            head: None,
            http1: None,
            class: None,
            price: None,
            charge_rules: None,
            queue_timeouts: 0,
            picture: PictureNote::Unwatched,
            late: false,
            entry: Entry::None,
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
            previews: 0,
            not_silent: false,
            outcome: None,
        }
    }

    pub(super) fn head_received(&mut self, status: StatusCode, version: Version) {
        // The submit was answered before: this is the answer.
        if self.task.has_ended() && !self.answers_task {
            self.answers_task = true;
            self.head = None;
        }
        self.head.get_or_insert_with(|| Head {
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
    pub(super) fn forget_secrets(&mut self) {
        let Self {
            evidence, secrets, ..
        } = self;
        evidence.forget(|text| secrets.are_shown_by(text));
    }

    pub(crate) fn phase(&self) -> Phase {
        if self.head.is_some() {
            Phase::Body
        } else if self.flushed_at().is_some() {
            Phase::Head
        } else if self.sent() == Sent::Nothing && self.body.progress.is_none() {
            Phase::Connect
        } else {
            Phase::Write
        }
    }

    pub(super) fn sent(&self) -> Sent {
        let body_cut_short = self.body.watched && self.body.ended.is_none();
        match &self.transport {
            TransportState::Linked(transport) => {
                let written = transport.written();
                if written.written == 0 {
                    Sent::Nothing
                } else if body_cut_short || !written.is_all_out() {
                    Sent::Part
                } else {
                    Sent::PossiblyWhole
                }
            }
            TransportState::Connecting => Sent::Nothing,
            TransportState::Unproved if body_cut_short && self.body.progress.is_none() => {
                Sent::Nothing
            }
            TransportState::Unproved if body_cut_short => Sent::Part,
            TransportState::Unproved => Sent::PossiblyWhole,
        }
    }

    /// Whether the request can have failed to connect: no byte was written, and none was asked for.
    ///
    /// Proof outranks names: an error that is called "host unreachable" also comes after a request was sent.
    pub(super) fn may_be_unconnected(&self) -> bool {
        match &self.transport {
            TransportState::Linked(transport) => transport.written().written == 0,
            TransportState::Connecting => true,
            TransportState::Unproved => !self.body.watched || self.body.progress.is_none(),
        }
    }

    /// Whether a connection has proved that a part of the request was written.
    pub(super) fn is_written(&self) -> bool {
        matches!(&self.transport, TransportState::Linked(transport) if transport.written().written > 0)
    }

    /// When the whole request was out: proved by the transport, else the hand-over of the last slice.
    pub(crate) fn flushed_at(&self) -> Option<Instant> {
        let handed_over = match self.body {
            BodyFacts { watched: false, .. } => Some(self.started),
            BodyFacts { ended, .. } => ended,
        }?;
        match &self.transport {
            TransportState::Unproved => Some(handed_over),
            TransportState::Connecting => None,
            TransportState::Linked(transport) => {
                let written = transport.written();
                let all_out = written.written > 0 && written.is_all_out();
                written
                    .flushed_at
                    .filter(|&flushed| all_out && flushed >= handed_over)
            }
        }
    }

    /// The latest sign that the request is being written.
    pub(crate) fn write_progress_at(&self) -> Option<Instant> {
        let on_the_wire = match &self.transport {
            TransportState::Linked(transport) => transport.written().last_write,
            _ => None,
        };
        self.body.progress.max(on_the_wire)
    }

    pub(super) fn timing(&self) -> Timing {
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        Timing {
            flushed: self.flushed_at().map(since_start),
            head: self.head.map(|head| since_start(head.at)),
        }
    }

    /// How the silence after the request ended, if it was sent whole: what the route learns of it.
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

    pub(super) fn bytes_sent(&self) -> u64 {
        match &self.transport {
            TransportState::Linked(transport) => transport.written().flushed,
            _ => self.body.handed,
        }
    }

    /// By what the answer itself says; else by what is known of the provider; else by the class.
    pub(super) fn exposure(&self, class: Class) -> Exposure {
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
        Exposure {
            probability,
            price: self.told_price.filter(comparable).or(self.price),
        }
    }
}
