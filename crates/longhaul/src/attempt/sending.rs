//! How far the request is out, as far as it is proved.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Transport, Written,
    facts::{AttemptFacts, BodyFacts},
    shielded,
    transport::TransportState,
};
use crate::model::Phase;

/// How much of a request left this machine, as far as it is proved.
///
/// A provider that has not read a request whole makes no picture and charges nothing. So this is what tells a free ending from
/// one that may be paid for. Without a client that proves what it wrote (`longhaul-hyper` does), everything that was handed
/// over counts as [`PossiblyWhole`](Self::PossiblyWhole): in doubt, money may be out.
///
/// ```
/// use longhaul::{Attempt, Error, ErrorKind, attempt::Sent};
///
/// /// What a person is told who is about to press the button again.
/// fn warning(error: &Error) -> &'static str {
///     match error.attempt().map(Attempt::sent) {
///         None | Some(Sent::Nothing) => "nothing left this machine",
///         Some(Sent::Part) => "the provider cannot have read it",
///         Some(Sent::PossiblyWhole) => "it may be running: look it up first",
///     }
/// }
///
/// assert_eq!(warning(&Error::new(ErrorKind::NotStarted)), "nothing left this machine");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sent {
    /// Not one byte; the provider knows nothing of it.
    Nothing,
    /// Some, but not all: the provider cannot have read it whole.
    Part,
    /// All of it, or not known: it may be running and charged.
    PossiblyWhole,
}

/// When an attempt passed its milestones, counted from its beginning.
///
/// A milestone that was not passed, or that nobody saw, is `None`. Times of day are not here: this clock does not jump.
///
/// ```
/// use std::time::Duration;
/// use longhaul::attempt::Timing;
///
/// let timing = Timing { flushed: Some(Duration::from_secs(2)), head: Some(Duration::from_secs(92)) };
/// assert_eq!(timing.flush_to_head(), Some(Duration::from_secs(90)));
/// assert_eq!(Timing::default().flush_to_head(), None);
/// ```
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

/// What a connection tells of itself. Of one that panics nothing is known but that it was there: an ending must not be lost
/// over it.
fn written(transport: &Arc<dyn Transport>) -> Written {
    shielded(|| transport.written()).unwrap_or(Written {
        written: 1,
        flushed: 1,
        ..Written::default()
    })
}

impl AttemptFacts {
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

    /// Read from top to bottom: a connection that counts is believed before anything else; a client that promised to link one and
    /// did not has written nothing; without either, what the client took out of the body counts as sent. An empty body, which no
    /// client has to poll, is the one case in which only a failed connection proves that nothing left.
    pub(super) fn sent(&self) -> Sent {
        let body_cut_short = self.body.watched && self.body.ended.is_none();
        match &self.transport {
            TransportState::Linked(transport) => {
                let written = written(transport);
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
            TransportState::Linked(transport) => written(transport).written == 0,
            TransportState::Connecting => true,
            TransportState::Unproved => !self.body.watched || self.body.progress.is_none(),
        }
    }

    /// Whether a connection has proved that a part of the request was written.
    pub(super) fn is_written(&self) -> bool {
        matches!(&self.transport, TransportState::Linked(transport) if written(transport).written > 0)
    }

    /// When the whole request was out: proved by the transport, else the hand-over of the last slice.
    ///
    /// A flush before the last slice was handed over is one of an earlier part. That is why a flush counts only if it is not
    /// older than the hand-over.
    pub(crate) fn flushed_at(&self) -> Option<Instant> {
        let handed_over = match self.body {
            BodyFacts { watched: false, .. } => Some(self.started),
            BodyFacts { ended, .. } => ended,
        }?;
        match &self.transport {
            TransportState::Unproved => Some(handed_over),
            TransportState::Connecting => None,
            TransportState::Linked(transport) => {
                let written = written(transport);
                let all_out = written.written > 0 && written.is_all_out();
                written
                    .flushed_at
                    .filter(|&flushed| all_out && flushed >= handed_over)
            }
        }
    }

    /// The latest sign that the request is being written.
    ///
    /// The clock for a stalled upload goes by it. Slices that a client takes out of the body are progress as well as bytes that
    /// the connection accepts: a client that buffers shows the first, a slow uplink the second.
    pub(crate) fn write_progress_at(&self) -> Option<Instant> {
        let on_the_wire = match &self.transport {
            TransportState::Linked(transport) => written(transport).last_write,
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

    pub(super) fn bytes_sent(&self) -> u64 {
        match &self.transport {
            TransportState::Linked(transport) => written(transport).flushed,
            _ => self.body.handed,
        }
    }
}
