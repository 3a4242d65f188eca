//! A scenario, from its file.
//!
#![doc = include_str!("../../../scenarios/README.md")]

mod builtin;
mod episode;
mod error;
mod parse;
mod rows;
#[cfg(test)]
mod tests;
mod window;

use std::{num::NonZeroUsize, time::Duration};

use longhaul_sim::{Action, Fault, Resolution};
use serde::Deserialize;

pub(crate) use self::{builtin::builtin, error::ScenarioError};
use self::{
    episode::{Drawn, Episode, EpisodeRow},
    parse::{some_span, span},
    rows::{FaultRow, GenerationRow},
};

/// A scenario that makes sense.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The name of its file, by which it is chosen
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) about: String,
    #[serde(default = "an_hour", deserialize_with = "span")]
    patience: Duration,
    #[serde(default, deserialize_with = "some_span")]
    least_patience: Option<Duration>,
    #[serde(default)]
    pub(crate) says_patience: bool,
    #[serde(default = "one")]
    pub(crate) burst: NonZeroUsize,
    #[serde(default)]
    pub(crate) mix: Mix,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) gateway: bool,
    #[serde(default = "yes")]
    pub(crate) aim: bool,
    #[serde(default)]
    pub(crate) costs_more: Option<String>,
    #[serde(default = "as_published")]
    pace: f64,
    #[serde(default)]
    generation: Vec<GenerationRow>,
    #[serde(default)]
    episode: Vec<EpisodeRow>,
    #[serde(default)]
    fault: Vec<FaultRow>,
}

/// What of a scenario depends on what has happened: the latest episode of each row.
#[derive(Debug)]
pub(crate) struct Course(Vec<Episode>);

/// How many parts of the requests are of which size
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mix {
    #[serde(default)]
    k1: u32,
    #[serde(default)]
    k2: u32,
    #[serde(default)]
    k4: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            k1: 2,
            k2: 1,
            k4: 1,
        }
    }
}

impl Mix {
    /// The size at this place between 0 and 1
    pub(crate) fn at(self, place: f64) -> Resolution {
        let [k1, k2, k4] = [self.k1, self.k2, self.k4].map(f64::from);
        let part = place * (k1 + k2 + k4);
        if part < k1 {
            Resolution::K1
        } else if part < k1 + k2 {
            Resolution::K2
        } else {
            Resolution::K4
        }
    }
}

const fn an_hour() -> Duration {
    Duration::from_secs(3600)
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

const fn yes() -> bool {
    true
}

const fn as_published() -> f64 {
    1.0
}

impl Scenario {
    /// Reads a scenario's file.
    ///
    /// # Errors
    ///
    /// Names the key that is unknown, missing or wrong.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let under = |problem| ScenarioError::new(name, problem);
        let mut scenario: Self = toml::from_str(text).map_err(|error| under(error.to_string()))?;
        name.clone_into(&mut scenario.name);
        scenario.validate().map_err(under)?;
        Ok(scenario)
    }

    /// How patient the caller at this place between 0 and 1 is
    pub(crate) fn patience_at(&self, place: f64) -> Duration {
        let least = self.least_patience.unwrap_or(self.patience);
        least + (self.patience - least).mul_f64(place)
    }

    /// Before the first midnight.
    pub(crate) fn course(&self) -> Course {
        Course(vec![Episode::default(); self.episode.len()])
    }

    /// What becomes of a request that arrives at this time since the first midnight.
    ///
    /// Draws equally often whatever it draws, so that the luck of later draws does not depend on it.
    pub(crate) fn fate(
        &self,
        at: Duration,
        resolution: Resolution,
        luck: &mut fastrand::Rng,
        course: &mut Course,
    ) -> Action {
        let (speed, trouble) = (luck.f64(), luck.f64());
        let drawn = Drawn {
            refused: luck.f64(),
            told: luck.f64(),
        };
        let takes = self
            .generation
            .iter()
            .find(|row| row.scope.holds(at, resolution))
            .map_or_else(
                || resolution.generation_time(speed).mul_f64(self.pace),
                |row| row.time(speed),
            );
        let mut rows = self.episode.iter().zip(&mut course.0);
        let refusal = rows.find_map(|(row, episode)| row.refusal(episode, at, resolution, drawn));
        let fault = refusal.unwrap_or_else(|| self.fault_at(at, resolution, trouble));
        let spared = fault.strikes_after().is_some_and(|after| takes <= after);
        Action::new(if spared { Fault::None } else { fault }).taking(takes)
    }

    /// The fault at this place between 0 and 1
    fn fault_at(&self, at: Duration, resolution: Resolution, mut place: f64) -> Fault {
        for row in &self.fault {
            if !row.scope.holds(at, resolution) {
                continue;
            }
            if place < row.share {
                return row.does;
            }
            place -= row.share;
        }
        Fault::None
    }

    fn validate(&self) -> Result<(), String> {
        if self.patience.is_zero() {
            return Err("patience: must be longer than zero".to_owned());
        }
        if self
            .least_patience
            .is_some_and(|least| least > self.patience || least.is_zero())
        {
            return Err("least_patience: must be from above zero to patience".to_owned());
        }
        if !(0.1..=10.0).contains(&self.pace) {
            return Err(format!("pace: {} is not from 0.1 to 10", self.pace));
        }
        if self.costs_more.as_deref() == Some("") {
            return Err("costs_more: must say why".to_owned());
        }
        if self.mix.k1 == 0 && self.mix.k2 == 0 && self.mix.k4 == 0 {
            return Err("mix: nobody asks for anything".to_owned());
        }
        for (index, row) in self.generation.iter().enumerate() {
            row.validate()
                .map_err(|problem| format!("generation[{index}].{problem}"))?;
        }
        for (index, row) in self.episode.iter().enumerate() {
            row.validate()
                .map_err(|problem| format!("episode[{index}].{problem}"))?;
        }
        for (index, row) in self.fault.iter().enumerate() {
            row.validate()
                .map_err(|problem| format!("fault[{index}].{problem}"))?;
        }
        self.validate_shares()
    }

    /// Shares add up where rows apply together; where they do changes at the beginnings of windows only.
    fn validate_shares(&self) -> Result<(), String> {
        let beginnings = self.fault.iter().flat_map(|row| row.scope.beginnings());
        for at in beginnings {
            for resolution in Resolution::ALL {
                let rows = self.fault.iter();
                let applying = rows.filter(|row| row.scope.holds(at, resolution));
                let sum: f64 = applying.map(|row| row.share).sum();
                if sum > 1.0 + 1e-9 {
                    let hours = at.as_secs() / 3600;
                    let minutes = at.as_secs() % 3600 / 60;
                    return Err(format!(
                        "fault: at {hours:02}:{minutes:02} the shares for {resolution:?} add up to {sum:.2}, \
                         more than all requests"
                    ));
                }
            }
        }
        Ok(())
    }
}
