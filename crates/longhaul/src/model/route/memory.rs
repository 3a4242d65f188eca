//! What is remembered of one route.
//!
//! Nothing here knows of time but by the instants that it is given, and nothing is computed ahead: cuts and chances are
//! worked out from at most 64 endings of each size when somebody asks. So no derived state can be stale.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    chance,
    cuts::{self, Cut},
    ending::SilenceEnding,
    learned,
    pace::TimeScale,
};
use crate::model::{Resolution, after};

/// Endings of one size. Each size has its own, so that the many small pictures do not wash out what the few large
/// ones showed.
const KEPT: usize = 64;

/// Older endings are forgotten: a route is mended, a model gets faster. In the provider's seconds.
const DAY: f64 = 24.0 * 3600.0;

/// How long nothing came as far as a cut, until one is let go to see. In the provider's seconds.
const PROBE: f64 = 3600.0;

/// Everything that is known of a route.
#[derive(Debug)]
pub(super) struct Memory {
    sizes: [VecDeque<SilenceEnding>; Resolution::ALL.len()],
    /// The one that was let go to see whether a cut still stands, until it has ended.
    ///
    /// While it is set, no other probe is let go: ten queued calls must not all be the one that finds out.
    probe: Option<Instant>,
    pub(super) scale: TimeScale,
    pub(super) latest: Instant,
}

/// What a route's cuts leave of a size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Odds {
    /// How likely a picture comes past all cuts.
    pub(crate) chance: f64,
    /// The cut that takes most of them, in the provider's seconds, and the share that it ends.
    pub(crate) cut: f64,
    pub(crate) share: f64,
}

/// What the route allows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Passage {
    /// No cut is known, or too few calls of the size have met one.
    Open,
    /// A cut is known, and the chance is worth it.
    ///
    /// The numbers are for the report; the call goes.
    Worth(Odds),
    /// The chance is not worth it, and one is let go to see whether that is still so.
    Probe(Odds),
    /// The chance is not worth it.
    Closed(Odds),
}

impl Memory {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sizes: Default::default(),
            probe: None,
            scale: TimeScale::default(),
            latest: now,
        }
    }

    /// The oldest ending of the size makes room.
    pub(super) fn note(&mut self, size: Resolution, ending: SilenceEnding) {
        let own = &mut self.sizes[size as usize];
        if own.len() == KEPT {
            own.pop_front();
        }
        own.push_back(ending);
        self.latest = ending.at;
    }

    /// Forgets what is too old to count.
    ///
    /// Endings are in the order of their ends, so that the old ones stand in front.
    pub(super) fn forget(&mut self, now: Instant, scale: TimeScale) {
        self.scale = scale;
        let is_old =
            |ending: &SilenceEnding| now.saturating_duration_since(ending.at) > scale.ours(DAY);
        for own in &mut self.sizes {
            while own.front().is_some_and(is_old) {
                own.pop_front();
            }
        }
    }

    /// The route's cuts, the shortest first.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        cuts::known(self.sizes.iter().flatten(), self.scale.tolerance())
    }

    /// How likely a picture of `size` comes past `cuts`.
    pub(super) fn chance(&self, size: Resolution, cuts: &[Cut]) -> f64 {
        let own = &self.sizes[size as usize];
        chance::past_cuts(own, size, cuts, self.scale.tolerance())
    }

    /// Whether a picture of `size` that is worth so many prices may be sent now.
    pub(super) fn passage(&self, size: Resolution, worth: f64, now: Instant) -> Passage {
        let cuts = self.cuts();
        let worst = cuts.iter().max_by(|a, b| a.share().total_cmp(&b.share()));
        let own = &self.sizes[size as usize];
        let Some(worst) = worst else {
            return Passage::Open;
        };
        if !chance::is_judged(own, &cuts, self.scale.tolerance()) {
            return Passage::Open;
        }
        let odds = Odds {
            chance: self.chance(size, &cuts),
            cut: worst.silence,
            share: worst.share(),
        };
        // 0 × inf is no number.
        if worth.is_infinite() || odds.chance * worth >= 1.0 {
            Passage::Worth(odds)
        } else if self.probe_at(worst).is_some_and(|at| at <= now) {
            Passage::Probe(odds)
        } else {
            Passage::Closed(odds)
        }
    }

    /// When the next may be let go to see whether `cut` still stands; `None` while one is on its way.
    pub(super) fn probe_at(&self, cut: &Cut) -> Option<Instant> {
        if self.probe.is_some() {
            return None;
        }
        // One that came through lets the next go at once.
        let wait = if cut.let_through { 0.0 } else { PROBE };
        Some(after(cut.latest, self.scale.ours(wait)))
    }

    /// Lets one go to see.
    pub(super) const fn begin_probe(&mut self, now: Instant) {
        self.probe = Some(now);
    }

    /// It was not sent after all.
    pub(super) const fn end_probe(&mut self) {
        self.probe = None;
    }

    pub(super) fn share_done(&self, size: Resolution, seconds: f64) -> Option<f64> {
        chance::share_done(&self.sizes[size as usize], size, seconds)
    }

    pub(super) fn time_until(&self, size: Resolution, share: f64) -> Option<f64> {
        chance::time_until(&self.sizes[size as usize], size, share)
    }

    pub(super) fn learned_limit(&self, size: Resolution, table: f64) -> Option<f64> {
        learned::limit(&self.sizes[size as usize], table)
    }
}
