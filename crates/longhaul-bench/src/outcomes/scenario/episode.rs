//! Overload: an episode with a beginning and a length, and not a coin for each request.
//!
//! Real overloads come in blocks of minutes, and grow with every request that is sent into them. A coin for each
//! request would make every retry as good as the first, and policies look better than they are.

use std::time::Duration;

use longhaul_sim::{Fault, Resolution};
use serde::Deserialize;

use super::{parse::span, window::TimeOfDay};

const DAY: Duration = Duration::from_secs(86_400);

/// Episodes of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EpisodeRow {
    begins: Vec<TimeOfDay>,
    #[serde(deserialize_with = "span")]
    lasts: Duration,
    /// Each refusal lengthens it by that: who hammers prolongs it
    #[serde(default, deserialize_with = "span")]
    lengthened: Duration,
    /// Its longest length, where it is lengthened
    #[serde(default, deserialize_with = "span")]
    most: Duration,
    share: f64,
    /// Which share of the refusals tells how long to wait
    #[serde(default)]
    told: f64,
    #[serde(default, deserialize_with = "span")]
    wait: Duration,
    #[serde(default)]
    sizes: Vec<Resolution>,
}

/// The latest episode of a row so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Episode {
    began: Option<Duration>,
    until: Duration,
}

/// Places between 0 and 1: of the request among all, and of the refusal among those.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) refused: f64,
    pub(super) told: f64,
}

impl EpisodeRow {
    /// How it refuses a request at this time since the first midnight, if it does.
    pub(super) fn refusal(
        &self,
        episode: &mut Episode,
        at: Duration,
        resolution: Resolution,
        drawn: Drawn,
    ) -> Option<Fault> {
        let began = self.latest_beginning(at)?;
        if episode.began != Some(began) {
            *episode = Episode {
                began: Some(began),
                until: began + self.lasts,
            };
        }
        let this_size = self.sizes.is_empty() || self.sizes.contains(&resolution);
        if at >= episode.until || !this_size || drawn.refused >= self.share {
            return None;
        }
        let longest = began + self.most.max(self.lasts);
        episode.until = longest.min(episode.until + self.lengthened);
        Some(if drawn.told < self.told {
            Fault::OverloadedFor { wait: self.wait }
        } else {
            Fault::Overloaded
        })
    }

    /// Of today's or yesterday's.
    fn latest_beginning(&self, at: Duration) -> Option<Duration> {
        let today = DAY * u32::try_from(at.as_secs() / DAY.as_secs()).ok()?;
        let days = [Some(today), today.checked_sub(DAY)];
        let beginnings = days.into_iter().flatten().flat_map(|day| {
            let of_day = self.begins.iter();
            of_day.map(move |begins| day + begins.since_midnight())
        });
        beginnings.filter(|begins| *begins <= at).max()
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.begins.is_empty() {
            return Err("begins: it never begins".to_owned());
        }
        if self.lasts.is_zero() || self.lasts.max(self.most) > DAY {
            return Err("lasts: must be longer than zero and, like most, within a day".to_owned());
        }
        for (name, share) in [("share", self.share), ("told", self.told)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name}: {share} is not between 0 and 1"));
            }
        }
        if self.told > 0.0 && self.wait.is_zero() {
            return Err("wait: missing, though it is told".to_owned());
        }
        Ok(())
    }
}
