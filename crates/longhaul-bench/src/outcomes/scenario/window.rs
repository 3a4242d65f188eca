//! Times of day, and the windows between two of them, as a scenario's file writes them: `"09:00-17:30"`.

use std::time::Duration;

use serde::Deserialize;

const DAY: u64 = 24 * 3600;

/// From one time of day until another, which is not in it: `"09:00-09:30"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Window {
    pub(super) from: Duration,
    to: Duration,
}

impl Window {
    /// Whether this time since the first midnight is in it, on whatever day
    pub(super) fn holds(&self, at: Duration) -> bool {
        let days = Duration::from_secs(at.as_secs() / DAY * DAY);
        (self.from..self.to).contains(&(at - days))
    }
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let window = text
            .split_once('-')
            .and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match window {
            Some((from, to)) if from < to => Ok(Self { from, to }),
            Some(_) => Err(format!("{text:?} ends before it begins")),
            None => Err(format!("{text:?} is not like \"09:00-17:30\"")),
        }
    }
}

/// A moment of every day: `"09:30"`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TimeOfDay(Duration);

impl TimeOfDay {
    pub(super) const fn since_midnight(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = time(&text).ok_or_else(|| format!("{text:?} is not like \"09:30\""))?;
        Ok(Self(time))
    }
}

/// A time of day up to `24:00`
fn time(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    (minutes < 60 && seconds <= DAY).then(|| Duration::from_secs(seconds))
}
