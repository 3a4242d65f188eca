use std::time::Duration;

use http::HeaderName;

use super::backoff::Schedule;
use crate::{ConfigError, money::Money, policy::scale, timeout::Limits, workload::PerResolution};

/// How many attempts may be made while an earlier one may be running and charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Duplicates {
    /// At most this many in an operation. Default none: as many as the attempts allow.
    pub count: Option<u32>,
    /// At most for this much in an operation, in millionths of the currency of the price row. Default
    /// none. Where it is set and the price is not known, no duplicate is made.
    pub micros: Option<i64>,
}

impl Duplicates {
    /// None at all.
    pub const NEVER: Self = Self {
        count: Some(0),
        micros: None,
    };

    /// Whether one more is allowed after `made`, at this price each.
    pub fn allow(&self, made: u32, price: Option<Money>) -> bool {
        let by_count = self.count.is_none_or(|count| made < count);
        let by_money = self.micros.is_none_or(|most| {
            price.is_some_and(|price| price.times(made.saturating_add(1)).micros <= most)
        });
        by_count && by_money
    }
}

/// When to send again, and when not. The default is the Nano Banana Pro guide's policy.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts of one operation, the first among them. Default 3.
    pub attempts: u32,
    /// How long to wait between them.
    pub schedule: Schedule,
    /// How many of them may be duplicates.
    pub duplicates: Duplicates,
    /// When the operation must have ended. Default: attempts × (head + 150 s), 1,350 s for K1 and K2,
    /// 2,250 s for K4 and Unknown. The caller's [`Deadline`](crate::Deadline) counts where it is earlier.
    pub deadline: Option<PerResolution>,
    /// What an attempt takes at least; one that could not end in time is not begun. Default the median
    /// generation: 45, 65 and 120 s; nothing where the size is not known.
    pub expected: PerResolution,
    /// The last attempt keeps no head clock of its own but runs to the operation's deadline: nothing is
    /// gained by cutting a paid call that no other follows. Default false.
    pub uncut_last_attempt: bool,
    /// The header for the idempotency key, sent alike on every attempt. Default `idempotency-key`. A key
    /// that the caller has set is kept. In a policy file, `""` switches it off.
    #[cfg_attr(feature = "serde", serde(with = "crate::header_name"))]
    pub key_header: Option<HeaderName>,
    /// A header for the attempt's number, counted from 1. Default none: not every server likes it.
    #[cfg_attr(feature = "serde", serde(with = "crate::header_name"))]
    pub attempt_header: Option<HeaderName>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            schedule: Schedule::default(),
            duplicates: Duplicates::default(),
            deadline: None,
            expected: PerResolution::from_secs(45, 65, 120, 0),
            uncut_last_attempt: false,
            key_header: Some(HeaderName::from_static("idempotency-key")),
            attempt_header: None,
        }
    }
}

impl RetryPolicy {
    /// Refuses no attempts at all, zero durations, and a jitter outside 0 to 1.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.attempts == 0 {
            return Err(ConfigError::new("attempts", "must be at least 1"));
        }
        self.schedule
            .validate()
            .map_err(|error| error.under("schedule"))?;
        if self.duplicates.micros.is_some_and(|micros| micros < 0) {
            return Err(ConfigError::new(
                "duplicates.micros",
                "must not be negative",
            ));
        }
        if let Some(deadline) = &self.deadline {
            deadline
                .validate()
                .map_err(|error| error.under("deadline"))?;
        }
        Ok(())
    }

    /// The same policy with the deadline that follows from its attempts and `limits`, unless it has one.
    #[must_use]
    pub(crate) fn bounded_by(mut self, limits: &Limits) -> Self {
        /// What an attempt takes beside its head: start, body, and the wait before it.
        const BESIDE_HEAD: Duration = Duration::from_secs(150);
        let attempts = self.attempts;
        self.deadline.get_or_insert_with(|| {
            limits
                .head
                .map(|head| head.saturating_add(BESIDE_HEAD).saturating_mul(attempts))
        });
        self
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        let change = |duration| scale(duration, factor);
        Self {
            schedule: self.schedule.scaled(factor),
            deadline: self.deadline.map(|deadline| deadline.map(change)),
            expected: self.expected.map(change),
            ..self
        }
    }
}
