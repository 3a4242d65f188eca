use std::time::Duration;

use http::HeaderName;

use super::{
    backoff::Schedule,
    budget::{MoneyBudget, SpendingCap},
    key::KeyRow,
};
use crate::{
    attempt::DeadlineHeader,
    config::{ConfigError, scale},
    model::{Money, PerResolution},
};

/// How many attempts may be made while an earlier one may be running and charged.
///
/// Those that [`Fallback`](crate::fallback::Fallback) makes at other targets count too. Their own number is
/// [allowed by class](crate::fallback::FallbackPolicy::allow_duplicate), also where `count` allows none; their
/// money is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
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
        !self.are_used_up(made) && self.reach(made, price)
    }

    /// Whether the money is enough for one more after `made`, at this price each.
    pub(super) fn reach(&self, made: u32, price: Option<Money>) -> bool {
        self.micros.is_none_or(|most| {
            price.is_some_and(|price| price.times(made.saturating_add(1)).micros <= most)
        })
    }

    /// Whether `made` are all that are allowed, whatever they cost.
    pub(super) fn are_used_up(&self, made: u32) -> bool {
        self.count.is_some_and(|count| made >= count)
    }
}

/// When to send again, and when not. The default is the Nano Banana Pro guide's policy.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts of one operation, the first among them. Default 3.
    pub attempts: u32,
    /// How long to wait between them.
    pub schedule: Schedule,
    /// How many of them may be duplicates.
    pub duplicates: Duplicates,
    /// What duplicates may cost, all operations of the layer together. Default none: `duplicates` alone
    /// bounds them.
    pub budget: Option<MoneyBudget>,
    /// The most that may be spent, all operations of the layer together. Default none. Needs prices: see
    /// [`with_prices`](super::ClassifyingRetryLayer::with_prices).
    pub spending_cap: Option<SpendingCap>,
    /// When the operation must have ended. Default: attempts × (head + 150 s), 1,350 s for K1 and K2,
    /// 2,250 s for K4 and Unknown. The caller's [`Deadline`](crate::Deadline) counts where it is earlier.
    pub deadline: Option<PerResolution>,
    /// How many prices a picture is worth: an attempt, the first among them, is begun only where its chance of
    /// bringing a picture × `worth` is at least 1. The chance is that such a picture is done in the time that is left,
    /// and before the route cuts the connection: by the guide's table of generation times until the route's own
    /// endings say better. Default 5: what a picture costs is then at most five prices. `inf` switches it off. It needs
    /// no price, and does not count where the request or its size is not recognised.
    pub worth: f64,
    /// The provider's seconds against ours: 0.01 for one at a hundred times real speed. Default 1.
    pub time_scale: f64,
    /// The last attempt that may be made keeps no head clock of its own but runs to the operation's deadline:
    /// nothing is gained by cutting a paid call that no other follows. Without duplicates that is the first,
    /// since none may follow one that stays silent. Default false.
    pub uncut_last_attempt: bool,
    /// An attempt whose head clock ran out goes on, until the attempt's clock or the operation's deadline,
    /// and those that follow run beside it: whichever brings the picture first wins, and the others are dropped as
    /// [`Superseded`](crate::End::Superseded). Where no other may follow, it goes on all the same. Default
    /// false: it is cut, and its picture is lost.
    ///
    /// The attempts count, wait and are bounded as if the late one had ended, duplicates above all. A late
    /// attempt keeps its place in flight and its connection; with a single place per host
    /// ([`InFlightPolicy::max_per_host`](crate::in_flight::InFlightPolicy::max_per_host)) no other can begin before
    /// it ends. The timeout layer must be polled on the task of the retry layer, as in a
    /// [`Stack`](crate::Stack): a buffer between them hides that an attempt is late.
    pub late_results: bool,
    /// The header for the idempotency key, sent alike on every attempt. Default `idempotency-key`. A key
    /// that the caller has set is kept. In a policy file, `""` switches it off.
    #[serde(with = "crate::config::header_name")]
    pub key_header: Option<HeaderName>,
    /// How hosts want the key; the first row that names the host counts. Default no rows: bare.
    pub keys: Vec<KeyRow>,
    /// Headers by which a caller says how long it waits: the shortest of them and of the other deadlines
    /// counts, and they are not sent on. Default none: they are for gateways, and whoever may set them
    /// cuts paid calls.
    pub deadline_headers: Vec<DeadlineHeader>,
    /// Tells Google's hosts (`*.googleapis.com`) in `X-Server-Timeout` how long the answer is waited for, in
    /// whole seconds, rounded up: the shortest of the head clock, the attempt's clock and what is left of
    /// the operation: their own default may be shorter, and answers 504 to a call that had time left. A
    /// header that is there stays. Needs the timeout layer below, which has the clocks. Default true.
    pub server_timeout: bool,
    /// A header for the attempt's number, counted from 1. Default none: not every server likes it.
    #[serde(with = "crate::config::header_name")]
    pub attempt_header: Option<HeaderName>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            schedule: Schedule::default(),
            duplicates: Duplicates::default(),
            budget: None,
            spending_cap: None,
            deadline: None,
            worth: 5.0,
            time_scale: 1.0,
            uncut_last_attempt: false,
            late_results: false,
            key_header: Some(HeaderName::from_static("idempotency-key")),
            keys: Vec::new(),
            deadline_headers: Vec::new(),
            server_timeout: true,
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
        if !(self.worth >= 1.0) {
            return Err(ConfigError::new(
                "worth",
                format!(
                    "{} is less than the one price that a picture costs",
                    self.worth
                ),
            ));
        }
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return Err(ConfigError::new(
                "time_scale",
                format!("{} is not a number above zero", self.time_scale),
            ));
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
        if let Some(budget) = &self.budget {
            budget.validate().map_err(|error| error.under("budget"))?;
        }
        if let Some(cap) = &self.spending_cap {
            cap.validate()
                .map_err(|error| error.under("spending_cap"))?;
        }
        for (index, row) in self.keys.iter().enumerate() {
            row.validate()
                .map_err(|error| error.under(&format!("keys[{index}]")))?;
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
    pub(crate) fn with_deadline_from(mut self, head: PerResolution) -> Self {
        /// What an attempt takes beside its head: start, body, and the wait before it.
        const BESIDE_HEAD: Duration = Duration::from_secs(150);
        let attempts = self.attempts;
        self.deadline.get_or_insert_with(|| {
            head.map(|head| head.saturating_add(BESIDE_HEAD).saturating_mul(attempts))
        });
        self
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        let change = |duration| scale(duration, factor);
        Self {
            schedule: self.schedule.scaled(factor),
            deadline: self.deadline.map(|deadline| deadline.map(change)),
            time_scale: self.time_scale * factor,
            ..self
        }
    }
}
