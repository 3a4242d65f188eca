//! How long generations take, as the timeout guide says, and how its seconds pass here.
//!
//! A simulated provider may run a hundred times as fast. Then the times of the table, the cuts and the guide pass a hundred
//! times as fast too, and only what this machine itself adds does not. [`TimeScale`] is the one place that knows the
//! difference.

use std::time::Duration;

use crate::{config::scale, model::Resolution};

/// The longest silence of the guide (its `read` timeout): by then every generation is done.
pub(crate) const LONGEST: f64 = 600.0;

/// Cuts after the same time differ by no more, in the provider's seconds: the time on the network.
const SAME: f64 = 1.5;

/// How much our own machine blurs a moment, whatever the provider's speed.
///
/// At a hundred times real speed, 30 ms of scheduling here are three of the provider's seconds: two cuts after one limit then
/// lie further apart than they would in real time.
const OWN_BLUR: f64 = 0.03;

/// The provider's seconds against ours: 0.01 for a provider at a hundred times real speed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct TimeScale(pub(crate) f64);

impl TimeScale {
    /// Our duration in the provider's seconds.
    pub(crate) fn seconds(self, ours: Duration) -> f64 {
        ours.as_secs_f64() / self.0
    }

    /// Our duration as one of the provider's.
    pub(crate) fn provider(self, ours: Duration) -> Duration {
        scale(ours, 1.0 / self.0)
    }

    /// The provider's seconds as a duration of ours.
    pub(crate) fn ours(self, seconds: f64) -> Duration {
        scale(Duration::from_secs_f64(seconds.max(0.0)), self.0)
    }

    /// How far two silences after one limit may differ, in the provider's seconds.
    pub(crate) fn tolerance(self) -> f64 {
        self.blurred(SAME)
    }

    /// `seconds`, or what our own machine blurs, if that is more.
    pub(crate) fn blurred(self, seconds: f64) -> f64 {
        seconds.max(OWN_BLUR / self.0)
    }
}

impl Default for TimeScale {
    fn default() -> Self {
        Self(1.0)
    }
}

/// The share of generations that is done within so many seconds: the guide's shortest time, P50, P95 and P99 with
/// straight lines between them, and all of them by its longest silence. `None` where the size is not known.
///
/// Straight lines and not a fitted curve: three quantiles are published, and a curve through three points claims to know
/// more.
pub(crate) fn done_within(size: Resolution, seconds: f64) -> Option<f64> {
    let fastest = match size {
        Resolution::K1 => 30.0,
        Resolution::K2 => 50.0,
        Resolution::K4 => 100.0,
        Resolution::Unknown => return None,
    };
    let [p50, p95, p99] = size.generation_quantiles()?.map(|it| it.as_secs_f64());
    let points = [
        (fastest, 0.0),
        (p50, 0.5),
        (p95, 0.95),
        (p99, 0.99),
        (LONGEST, 1.0),
    ];
    if seconds <= fastest {
        return Some(0.0);
    }
    let line = points.windows(2).find(|line| seconds < line[1].0);
    Some(line.map_or(1.0, |line| {
        let ((from, low), (to, high)) = (line[0], line[1]);
        low + (high - low) * (seconds - from) / (to - from)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_quantiles_are_met_and_the_lines_between_rise() {
        for (size, seconds, share) in [
            (Resolution::K1, 45.0, 0.5),
            (Resolution::K2, 60.0, 1.0 / 3.0),
            (Resolution::K2, 120.0, 0.95),
            (Resolution::K4, 100.0, 0.0),
            (Resolution::K4, 250.0, 0.99),
            (Resolution::K4, 9_000.0, 1.0),
        ] {
            let found = done_within(size, seconds).unwrap();
            assert!((found - share).abs() < 1e-9, "{size} {seconds}: {found}");
        }
        for size in [Resolution::K1, Resolution::K2, Resolution::K4] {
            let shares: Vec<_> = (0..700)
                .filter_map(|second| done_within(size, f64::from(second)))
                .collect();
            assert!(shares.is_sorted());
        }
        assert_eq!(done_within(Resolution::Unknown, 60.0), None);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let scale = TimeScale(0.01);
        assert_eq!(scale.ours(-1.0), Duration::ZERO);
        assert_eq!(scale.ours(600.0), Duration::from_secs(6));
        assert!(scale.seconds(Duration::MAX).is_finite());
    }
}
