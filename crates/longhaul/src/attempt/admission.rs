//! The one question before every first byte: is there time, and a route, that can finish it?
//!
//! The question is asked twice, because minutes may pass between the two: the retry layer asks before a call queues, and the
//! layer that holds permits asks once it has one. Both ask the same [`Admission`], so that the two answers cannot follow from
//! different rules. An attempt that is refused was never begun: it has no number, no ledger entry and no exposure, and
//! [`Decision`] says in numbers why.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Extensions;
use tokio::time::Instant;

use super::{Attempt, OperationDeadline};
use crate::model::{Decision, Passage, Resolution, RouteHistory, RouteId, TimeScale};

/// What is known of a picture before it is asked for: how long such pictures take, and what its route cuts.
#[derive(Clone, Debug)]
pub(crate) struct Prospect {
    pub(crate) history: RouteHistory,
    pub(crate) route: RouteId,
    pub(crate) size: Resolution,
    /// How many prices a picture is worth; infinite where that does not count.
    pub(crate) worth: f64,
    pub(crate) scale: TimeScale,
}

/// Asked before every first byte, after all waiting: whether the deadline has not passed, whether a picture of this
/// size is likely enough to be done in the time that is left, and whether the route can finish it.
///
/// The retry layer puts one on each attempt and asks it before the call queues; the layer that holds permits asks it
/// again when it has one.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<AdmissionInner>);

#[derive(Debug)]
struct AdmissionInner {
    deadline: OperationDeadline,
    /// `None` where the size is not known: only the deadline counts.
    prospect: Option<Prospect>,
    /// It is let go only to see whether the route still cuts.
    ///
    /// Set by [`begin`](Admission::begin) alone. While it is set, the question is not asked of the route again: the probe that
    /// was let go would otherwise be refused by the very cut that it is sent to test.
    probe: AtomicBool,
}

impl Admission {
    /// A size that is not known has no prospect, whatever the caller passes: there is no typical time to measure it by.
    pub(crate) fn new(deadline: OperationDeadline, prospect: Option<Prospect>) -> Self {
        Self(Arc::new(AdmissionInner {
            deadline,
            prospect: prospect.filter(|prospect| prospect.size != Resolution::Unknown),
            probe: AtomicBool::new(false),
        }))
    }

    /// The one that counts for a request: its attempt's, else one that knows its caller's deadline alone.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        let attempt: Option<&Attempt> = extensions.get();
        attempt
            .and_then(|attempt| attempt.options().admission.clone())
            .or_else(|| Some(Self::new(OperationDeadline::of(extensions)?, None)))
    }

    pub(crate) fn deadline(&self) -> &OperationDeadline {
        &self.0.deadline
    }

    /// Whether it may begin at `moment`: what has to be said of it, or why not.
    pub(crate) fn ask(&self, moment: Instant) -> Result<Option<Decision>, Decision> {
        let left = self.0.deadline.left(moment);
        let prospect = self.0.prospect.as_ref();
        if left.is_zero() || prospect.is_some_and(|it| !it.is_in_time(left)) {
            return Err(self.no_time(moment));
        }
        match prospect {
            Some(prospect) if !self.is_probe() => prospect.passes(left),
            _ => Ok(None),
        }
    }

    /// Why it may not begin at `moment`, or any later.
    pub(crate) fn refusal(&self, moment: Instant) -> Decision {
        self.ask(moment)
            .err()
            .unwrap_or_else(|| self.no_time(moment))
    }

    /// Asks at this moment, and takes the place of the probe where it is one.
    pub(crate) fn begin(&self) -> Result<Option<Decision>, Decision> {
        let decision = self.ask(Instant::now())?;
        if let (Some(Decision::Probe { .. }), Some(prospect)) = (&decision, &self.0.prospect) {
            prospect.history.begin_probe(&prospect.route);
            self.0.probe.store(true, Ordering::Relaxed);
        }
        Ok(decision)
    }

    /// `needed` is zero where no size is known: then nothing but the deadline itself can be the reason.
    fn no_time(&self, moment: Instant) -> Decision {
        let typical = self.0.prospect.as_ref().and_then(Prospect::typical);
        Decision::NoTime {
            needed: typical.unwrap_or_default(),
            left: self.0.deadline.left(moment),
        }
    }

    /// Its attempt has ended, however it did: the next probe may go.
    pub(super) fn ended(&self) {
        self.0.end_probe();
    }

    /// Whether it is let go only to see whether the route still cuts.
    pub(crate) fn is_probe(&self) -> bool {
        self.0.probe.load(Ordering::Relaxed)
    }

    /// The last moment at which it may begin, as far as it is known now and however long it waits for a place in flight.
    pub(crate) fn last_moment(&self) -> Instant {
        let least = self
            .0
            .prospect
            .as_ref()
            .map_or(Duration::ZERO, Prospect::least);
        let deadline = self.0.deadline.set().instant();
        deadline.checked_sub(least).unwrap_or(deadline)
    }
}

impl AdmissionInner {
    fn end_probe(&self) {
        if let Some(prospect) = &self.prospect
            && self.probe.swap(false, Ordering::Relaxed)
        {
            prospect.history.end_probe(&prospect.route);
        }
    }
}

impl Drop for AdmissionInner {
    /// A probe that became no attempt, since there was no money for it, say: the route would wait for its end for ever.
    fn drop(&mut self) {
        self.end_probe();
    }
}

impl Prospect {
    /// Whether a picture is likely enough to be done in what is left: else one would cost more than it is worth.
    fn is_in_time(&self, left: Duration) -> bool {
        if self.worth.is_infinite() {
            return true;
        }
        let share = self
            .history
            .share_done(&self.route, self.size, left, self.scale);
        share.is_none_or(|share| share * self.worth >= 1.0)
    }

    /// The least time in which a picture is likely enough to be done.
    fn least(&self) -> Duration {
        if self.worth.is_infinite() {
            return Duration::ZERO;
        }
        self.time_until(1.0 / self.worth).unwrap_or_default()
    }

    /// The time by which half of such pictures are done.
    fn typical(&self) -> Option<Duration> {
        self.time_until(0.5)
    }

    /// Both directions of the scale are the history's: it remembers the provider's seconds and answers in ours.
    fn time_until(&self, share: f64) -> Option<Duration> {
        self.history
            .time_until(&self.route, self.size, share, self.scale)
    }

    /// The time left plays no part here: it was asked about before. What counts is whether a silent call of this length comes
    /// through at all.
    fn passes(&self, left: Duration) -> Result<Option<Decision>, Decision> {
        let passage = self
            .history
            .passage(&self.route, self.size, self.worth, self.scale);
        match passage {
            Passage::Open | Passage::Worth(_) => Ok(None),
            Passage::Probe(odds) => Ok(Some(Decision::Probe {
                cut: self.scale.ours(odds.cut),
                chance: odds.chance,
            })),
            Passage::Closed(odds) => Err(Decision::RouteCuts {
                needed: self.typical().unwrap_or_default(),
                left,
                cut: self.scale.ours(odds.cut),
                share: odds.share,
                chance: odds.chance,
                worth: self.worth,
            }),
        }
    }
}
