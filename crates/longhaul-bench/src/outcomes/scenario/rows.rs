//! The rows of a scenario: how long the work takes, what goes wrong, and when and to whom that applies.
//!
//! A row says what happens in its scope, a time of day and some sizes. Every chance is drawn from the operation and how
//! often it was sent before, so that the luck of a request does not depend on the policy.

use std::time::Duration;

use longhaul_sim::{Fault, Resolution};
use serde::Deserialize;

use super::{
    parse::{span, text},
    window::Window,
};

/// When and to whom a row applies.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    when: Vec<Window>,
    sizes: Vec<Resolution>,
}

impl Scope {
    /// Whether it applies at this time since the first midnight
    pub(super) fn holds(&self, at: Duration, resolution: Resolution) -> bool {
        let now = self.when.iter().any(|window| window.holds(at));
        let this_size = self.sizes.is_empty() || self.sizes.contains(&resolution);
        this_size && (now || self.when.is_empty())
    }

    /// When it begins to apply, as times of day
    pub(super) fn beginnings(&self) -> impl Iterator<Item = Duration> {
        let midnight = self.when.is_empty().then_some(Duration::ZERO);
        let beginnings = self.when.iter().map(|window| window.from);
        beginnings.chain(midnight)
    }
}

/// How long the work takes, as four points of the quantile function.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "GenerationKeys")]
pub(super) struct GenerationRow {
    pub(super) scope: Scope,
    points: [(f64, Duration); 4],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GenerationKeys {
    #[serde(deserialize_with = "span")]
    least: Duration,
    #[serde(deserialize_with = "span")]
    median: Duration,
    #[serde(deserialize_with = "span")]
    p95: Duration,
    #[serde(deserialize_with = "span")]
    most: Duration,
    #[serde(default)]
    when: Vec<Window>,
    #[serde(default)]
    sizes: Vec<Resolution>,
}

impl From<GenerationKeys> for GenerationRow {
    fn from(keys: GenerationKeys) -> Self {
        Self {
            scope: Scope {
                when: keys.when,
                sizes: keys.sizes,
            },
            points: [
                (0.0, keys.least),
                (0.5, keys.median),
                (0.95, keys.p95),
                (1.0, keys.most),
            ],
        }
    }
}

impl GenerationRow {
    /// The time that a share `place` of all work stays within
    pub(super) fn time(&self, place: f64) -> Duration {
        let next = self.points.iter().position(|(share, _)| place < *share);
        // The first point's share is zero, which nothing is below.
        let next = next.unwrap_or(self.points.len() - 1).max(1);
        let ((s0, t0), (s1, t1)) = (self.points[next - 1], self.points[next]);
        t0 + (t1 - t0).mul_f64(((place - s0) / (s1 - s0)).clamp(0.0, 1.0))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        for (name, pair) in ["median", "p95", "most"].iter().zip(self.points.windows(2)) {
            if pair[1].1 < pair[0].1 {
                return Err(format!(
                    "{name}: {:?} is less than the point before it, {:?}",
                    pair[1].1, pair[0].1
                ));
            }
        }
        Ok(())
    }
}

/// What goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "FaultKeys")]
pub(super) struct FaultRow {
    pub(super) scope: Scope,
    pub(super) does: Fault,
    pub(super) share: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultKeys {
    #[serde(deserialize_with = "text")]
    does: Fault,
    #[serde(default = "all")]
    share: f64,
    #[serde(default)]
    when: Vec<Window>,
    #[serde(default)]
    sizes: Vec<Resolution>,
}

const fn all() -> f64 {
    1.0
}

impl From<FaultKeys> for FaultRow {
    fn from(keys: FaultKeys) -> Self {
        Self {
            scope: Scope {
                when: keys.when,
                sizes: keys.sizes,
            },
            does: keys.does,
            share: keys.share,
        }
    }
}

impl FaultRow {
    pub(super) fn validate(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(format!("share: {} is not between 0 and 1", self.share));
        }
        Ok(())
    }
}
