//! What several cuts show together that one does not: who cuts, and where.
//!
//! One broken connection does not show who broke it. Several together do: after one silence, it is an idle limit at that
//! host; at one moment, although begun at different times, it is this machine's own way out, such as a VPN that reconnected
//! or a NAT table that was cleared. The sentence in an error's diagnosis follows from this.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{RouteId, pace::TimeScale};

/// Cuts that are remembered, of all hosts together.
const CUTS: usize = 256;

/// As many cuts after the same time are no chance.
const CERTAIN: usize = 3;

/// Connections that die together do so within this.
const TOGETHER: f64 = 1.0;

/// A cut that came sooner is no idle limit but a crash or a refusal.
const SHORTEST: f64 = 4.0;

/// A cut connection.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CutConnection {
    // `None` where no layer has seen the request.
    pub(crate) route: Option<RouteId>,
    /// When the attempt began.
    pub(crate) started: Instant,
    /// From the sent request to the cut, as it was here.
    pub(crate) silence: Duration,
    /// When it was cut.
    pub(crate) at: Instant,
    pub(crate) scale: TimeScale,
}

/// What several cuts show together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CutPattern {
    /// So many at this host came after the same time.
    SameSilence(usize),
    /// So many that had begun at different times came at the same moment.
    SameMoment {
        sockets: usize,
        /// They went to several hosts.
        hosts: bool,
    },
}

/// The last cuts of all routes.
#[derive(Debug, Default)]
pub(super) struct Cuts(VecDeque<CutConnection>);

impl Cuts {
    pub(super) fn note(&mut self, cut: CutConnection) {
        if self.0.len() == CUTS {
            self.0.pop_front();
        }
        self.0.push_back(cut);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What `cut`, which is remembered, and the others show. Connections of several hosts that die at one
    /// moment have nothing but this machine's way out in common; so that is asked first.
    ///
    /// The other order would call a VPN that reconnects an idle limit as soon as three of its calls happened to be equally
    /// old.
    pub(super) fn pattern(&self, cut: &CutConnection) -> Option<CutPattern> {
        let together = || self.0.iter().filter(|other| cut.is_together_with(other));
        if together().next().is_some() {
            return Some(CutPattern::SameMoment {
                sockets: together().count() + 1,
                hosts: together().any(|other| other.route != cut.route),
            });
        }
        let alike = self.0.iter().filter(|other| cut.is_alike(other)).count();
        (alike >= CERTAIN).then_some(CutPattern::SameSilence(alike))
    }
}

impl CutConnection {
    /// The silence in the provider's time.
    pub(crate) fn provider_silence(&self) -> Duration {
        self.scale.provider(self.silence)
    }

    /// How far two silences after the same limit may differ, in the provider's seconds.
    pub(crate) fn tolerance(&self) -> f64 {
        self.scale.tolerance()
    }

    fn is_alike(&self, other: &Self) -> bool {
        let here = self.scale.seconds(self.silence);
        let there = other.scale.seconds(other.silence);
        self.route == other.route && here >= SHORTEST && (here - there).abs() <= self.tolerance()
    }

    /// Begun at clearly different times: equal limits cannot explain that they end together.
    fn is_together_with(&self, other: &Self) -> bool {
        let apart = |a: Instant, b: Instant| {
            let apart = a.saturating_duration_since(b) + b.saturating_duration_since(a);
            self.scale.seconds(apart)
        };
        apart(self.at, other.at) <= self.scale.blurred(TOGETHER)
            && apart(self.started, other.started) > 2.0 * self.tolerance()
    }
}
