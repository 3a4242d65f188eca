//! Waits, as data. A wait is a guess at how long a fault lasts, and each kind of fault has its own: a network error is over
//! in seconds, an overload in a minute, and a queue that the server counts is over when the server says.

use std::time::Duration;

use super::decision::Cost;
use crate::{
    config::{ConfigError, nonzero, scale},
    model::{Class, End},
};

/// How the wait grows from attempt to attempt.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{policy::Policy, retry::Backoff};
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.retry.schedule.after_error = Backoff::Exponential(Duration::from_secs(2));
/// ```
///
/// In a file a table with one key: `after_error = { fixed = "5s" }`.
///
/// ```
/// use std::time::Duration;
/// use longhaul::retry::Backoff;
///
/// let backoff: Backoff = serde_json::from_str(r#"{"linear": "5s"}"#)?;
/// assert_eq!(backoff, Backoff::Linear(Duration::from_secs(5)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Backoff {
    /// Always the same.
    Fixed(#[serde(with = "crate::config::duration")] Duration),
    /// Once, twice, three times the step.
    Linear(#[serde(with = "crate::config::duration")] Duration),
    /// Once, twice, four times the first.
    Exponential(#[serde(with = "crate::config::duration")] Duration),
    /// Anything between nothing and the exponential wait: spreads callers that failed together.
    FullJitter(#[serde(with = "crate::config::duration")] Duration),
}

impl Backoff {
    /// The wait after attempt `number`, held at `cap`, before any jitter on top.
    ///
    /// Saturates: attempt 40 of an exponential backoff waits for the cap, and does not overflow.
    fn wait(self, number: u32, cap: Duration) -> Duration {
        let doubled = 2_u32.saturating_pow(number.saturating_sub(1));
        let wait = match self {
            Self::Fixed(wait) => wait,
            Self::Linear(step) => step.saturating_mul(number),
            Self::Exponential(first) => first.saturating_mul(doubled),
            Self::FullJitter(first) => {
                let most = first.saturating_mul(doubled).min(cap);
                return most.mul_f64(fastrand::f64());
            }
        };
        wait.min(cap)
    }

    pub(crate) fn map(self, change: impl Fn(Duration) -> Duration) -> Self {
        match self {
            Self::Fixed(wait) => Self::Fixed(change(wait)),
            Self::Linear(step) => Self::Linear(change(step)),
            Self::Exponential(first) => Self::Exponential(change(first)),
            Self::FullJitter(first) => Self::FullJitter(change(first)),
        }
    }

    const fn base(self) -> Duration {
        match self {
            Self::Fixed(base)
            | Self::Linear(base)
            | Self::Exponential(base)
            | Self::FullJitter(base) => base,
        }
    }
}

/// How long to wait before sending again.
///
/// ```
/// use std::time::Duration;
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// let schedule = &mut policy.retry.schedule;
/// schedule.overload = Duration::from_secs(30);
/// schedule.max_retry_after = Duration::from_secs(300);
/// schedule.jitter = 0.5;
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Schedule {
    /// After one of our own clocks ended an attempt. Default 5·(n+1) s: 5 s after the first, 10 s after
    /// the second.
    pub after_timeout: Backoff,
    /// After any other ending. Default 5 s.
    pub after_error: Backoff,
    /// After what was never sent. Default exponential: 5, 10, 20 s and so on, up to `cap`.
    pub unsent: Backoff,
    /// The least after an overload, an outage or a rate limit; twice as long after each further one, up to `cap`.
    /// Default 15 s: shorter waits meet the same overload again.
    #[serde(with = "crate::config::duration")]
    pub overload: Duration,
    /// How much may be added at random, as a share of the wait. Default 0.2; 0 switches it off.
    ///
    /// Callers that met one outage together would otherwise all come back in the same second.
    pub jitter: f64,
    /// The longest wait of our own, before jitter. Default 60 s. What a server asks for is bounded by `max_retry_after` instead.
    #[serde(with = "crate::config::duration")]
    pub cap: Duration,
    /// The longest wait that a server may ask for; over it the operation stops and says `retry_at`.
    /// Default 120 s.
    #[serde(with = "crate::config::duration")]
    pub max_retry_after: Duration,
    /// Before asking again for the answer of a call that the server says is still running (409), where it
    /// does not say when. Default 2 s.
    #[serde(with = "crate::config::duration")]
    pub collect: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            after_timeout: Backoff::Linear(Duration::from_secs(5)),
            after_error: Backoff::Fixed(Duration::from_secs(5)),
            unsent: Backoff::Exponential(Duration::from_secs(5)),
            overload: Duration::from_secs(15),
            jitter: 0.2,
            cap: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(120),
            collect: Duration::from_secs(2),
        }
    }
}

impl Schedule {
    /// The wait after an attempt ended so, the `number`th of its kind (timeouts and other failures, refusals, what was
    /// never sent). Never sooner than `retry_after`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::{Class, End, retry::Schedule};
    ///
    /// let mut schedule = Schedule::default();
    /// schedule.jitter = 0.0;
    /// let wait = |number, asked| schedule.wait(number, End::Finished, Class::Overloaded, asked);
    /// assert_eq!(wait(1, None), Duration::from_secs(15));
    /// assert_eq!(wait(2, None), Duration::from_secs(30));
    /// assert_eq!(wait(1, Some(Duration::from_secs(40))), Duration::from_secs(40), "the server asks for more");
    /// ```
    pub fn wait(
        &self,
        number: u32,
        end: End,
        class: Class,
        retry_after: Option<Duration>,
    ) -> Duration {
        if class == Class::InFlight && end == End::Finished {
            // As told, or it is collected late; but a server that tells 0 is not asked in a tight loop.
            return retry_after.map_or(self.collect, |retry_after| {
                retry_after.max(self.collect / 20)
            });
        }
        let backoff = match (end, Cost::of(class)) {
            (_, Cost::Refused) => Backoff::Exponential(self.overload),
            (_, Cost::Unsent) => self.unsent,
            (End::TimedOut, _) => self.after_timeout,
            _ => self.after_error,
        };
        let wait = backoff.wait(number, self.cap);
        let own = scale(wait, self.jitter.mul_add(fastrand::f64(), 1.0));
        own.max(retry_after.unwrap_or_default())
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        nonzero("cap", self.cap)?;
        for (field, wait) in [
            ("after_timeout", self.after_timeout.base()),
            ("after_error", self.after_error.base()),
            ("unsent", self.unsent.base()),
            ("overload", self.overload),
        ] {
            nonzero(field, wait)?;
            if wait > self.cap {
                return Err(ConfigError::new(
                    field,
                    format!("{wait:?} is longer than cap = {:?}", self.cap),
                ));
            }
        }
        nonzero("max_retry_after", self.max_retry_after)?;
        nonzero("collect", self.collect)?;
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(ConfigError::new(
                "jitter",
                format!("{} is not between 0 and 1", self.jitter),
            ));
        }
        Ok(())
    }
}
