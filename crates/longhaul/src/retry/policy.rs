//! The numbers are the guide's. What it leaves open is chosen so that no free ending costs a picture, and no paid one is
//! repeated for less than it is worth.

use std::time::Duration;

use http::HeaderName;

use super::{
    backoff::Schedule,
    budget::{MoneyBudget, not_negative},
    key::KeyRow,
};
use crate::{
    config::{ConfigError, bounded, nonzero, scale},
    model::{Money, PerResolution},
};

/// How many times as many attempts may be charged on a route whose cut is known: the chance of each is judged there.
const ON_CUT_ROUTE: u32 = 2;

/// What an attempt takes beside the limit until its picture begins: its beginning, its body, and the wait before it.
const BESIDE_LIMIT: Duration = Duration::from_secs(150);

/// The operation's deadline has room for so many attempts, whatever their number.
const ATTEMPTS_IN_DEADLINE: u32 = 3;

/// When to send again, and when not. The default is the Nano Banana Pro guide's policy.
///
/// ```
/// use std::time::Duration;
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.retry.paid_attempts = 2;
/// policy.retry.worth = 10.0;
/// policy.retry.free_until = Some(Duration::from_secs(300));
/// policy.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts of one operation that may be charged, the first among them, at all targets together. Default 3, as the
    /// guide says; twice as many on a route whose cut is known, where [`worth`](Self::worth) judges each. 1 never pays
    /// twice. What ended free of charge does not count: a refusal is asked again until the deadline, and what was never
    /// sent is tried [six times](Self::unsent_attempts).
    pub paid_attempts: u32,
    /// How often an operation is tried that could not be sent, or not whole. Default 6: with the waits between them a dead
    /// host fails after some three minutes.
    pub unsent_attempts: u32,
    /// How long to wait between them.
    ///
    /// See [`Schedule`] for each wait and its default.
    pub schedule: Schedule,
    /// How long an overload, an outage or a rate limit is waited through, from the operation's beginning. Default none:
    /// until the deadline. For programs that cannot wait that long; `"0s"` asks once.
    #[serde(with = "crate::config::duration::option")]
    pub free_until: Option<Duration>,
    /// How long a request may be out without a picture until another attempt is made beside it, which may then be paid
    /// for nothing. Default 600 s, the guide's longest silence. An attempt that is late at its own limit goes on; where
    /// the path is proved dead before, it has ended, and the next follows.
    #[serde(with = "crate::config::duration")]
    pub longest_silence: Duration,
    /// The most that duplicates of one operation may cost, `"0.48 USD"`. Default none. Where it is set and the price is
    /// not known, or is in another currency, no duplicate is made.
    pub max_duplicate_cost: Option<Money>,
    /// What duplicates may cost, all operations of the layer together. Default none.
    pub budget: Option<MoneyBudget>,
    /// The most that may be spent, `"50.00 USD"`, all operations of the layer and of its clones together. Default none.
    /// Needs prices: see [`with_prices`](super::ClassifyingRetryLayer::with_prices).
    ///
    /// What was charged for certain counts, and what calls in flight cost, and those that may have been charged. An
    /// attempt that could go over the cap is refused before it is sent
    /// ([`ErrorKind::SpendingCap`](crate::ErrorKind::SpendingCap)), and so is one whose price is not known or is in
    /// another currency: give what is free a price row of 0. What was never sent or was refused by the provider is free
    /// again at its end. An answer that tells its own price counts at that one, which may be more than the row's and pass
    /// the cap. The count is this process's, from its beginning: a cap, not an account.
    pub spending_cap: Option<Money>,
    /// When the operation must have ended, from its beginning and whatever it waits for. The caller's
    /// [`Deadline`](crate::Deadline) counts where it is earlier.
    ///
    /// Default: 3 × (the longer of the limit in force for the request and `longest_silence`, + 150 s), 2,250 s for every
    /// size. That is the time of three attempts, so the default alone does not run while the operation waits for a place
    /// [in flight](crate::in_flight): five hundred calls that begin at once are served in turn, ten at a time, however
    /// long that takes. A service that would rather refuse what it cannot do soon sets it, or a `Deadline` for each call.
    ///
    /// ```
    /// use longhaul::{PerResolution, policy::Policy};
    ///
    /// // A page that is given up after five minutes, for whatever reason.
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.retry.deadline = Some(PerResolution::from_secs(300, 300, 300, 300));
    /// policy.validate()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub deadline: Option<PerResolution>,
    /// How many prices a picture is worth: an attempt, the first among them, is begun only where its chance of
    /// bringing a picture × `worth` is at least 1. The chance is that such a picture is done in the time that is left,
    /// and before the route cuts the connection: by the guide's table of generation times until the route's own
    /// endings say better. Default 5: what a picture costs is then at most five prices. `inf` switches it off. It needs
    /// no price, and does not count where the request or its size is not recognised.
    pub worth: f64,
    /// The provider's seconds against ours: 0.01 for one at a hundred times real speed. Default 1.
    pub time_scale: f64,
    /// The header for the idempotency key, sent alike on every attempt. Default `idempotency-key`. A key
    /// that the caller has set is kept. In a policy file, `""` switches it off.
    #[serde(with = "crate::config::header_name")]
    pub key_header: Option<HeaderName>,
    /// How hosts want the key; the first row that names the host counts. Default no rows: bare.
    pub keys: Vec<KeyRow>,
    /// Tells Google's hosts (`*.googleapis.com`) in `X-Server-Timeout` how long the answer is waited for, in
    /// whole seconds, rounded up: the shortest of the clock by size, the attempt's clock and what is left of
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
            paid_attempts: 3,
            unsent_attempts: 6,
            schedule: Schedule::default(),
            free_until: None,
            longest_silence: Duration::from_secs(600),
            max_duplicate_cost: None,
            budget: None,
            spending_cap: None,
            deadline: None,
            worth: 5.0,
            time_scale: 1.0,
            key_header: Some(HeaderName::from_static("idempotency-key")),
            keys: Vec::new(),
            server_timeout: true,
            attempt_header: None,
        }
    }
}

impl RetryPolicy {
    /// Refuses no attempts at all, zero durations, and a jitter outside 0 to 1.
    ///
    /// ```
    /// use longhaul::retry::RetryPolicy;
    ///
    /// let mut policy = RetryPolicy::default();
    /// policy.paid_attempts = 0;
    /// assert_eq!(policy.validate().unwrap_err().field(), "paid_attempts");
    /// ```
    ///
    /// # Errors
    ///
    /// Also if `worth` is below 1, a bound in money is negative, or a row of `keys` names no host.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.paid_attempts == 0 {
            return Err(ConfigError::new("paid_attempts", "must be at least 1"));
        }
        if self.unsent_attempts == 0 {
            return Err(ConfigError::new("unsent_attempts", "must be at least 1"));
        }
        if self.worth.is_nan() || self.worth < 1.0 {
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
        not_negative("max_duplicate_cost", self.max_duplicate_cost)?;
        not_negative("spending_cap", self.spending_cap)?;
        if self.attempt_header.is_some() && self.attempt_header == self.key_header {
            return Err(ConfigError::new(
                "attempt_header",
                "is `key_header`: the number would stand in the place of the key",
            ));
        }
        nonzero("longest_silence", self.longest_silence)?;
        bounded("free_until", self.free_until.unwrap_or_default())?;
        if let Some(budget) = &self.budget {
            budget.validate().map_err(|error| error.under("budget"))?;
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

    /// How many attempts may be charged, where a cut of the route is known or not.
    ///
    /// ```
    /// use longhaul::retry::RetryPolicy;
    ///
    /// let policy = RetryPolicy::default();
    /// assert_eq!((policy.paid_attempts_on(false), policy.paid_attempts_on(true)), (3, 6));
    /// ```
    pub fn paid_attempts_on(&self, cut_known: bool) -> u32 {
        // One never pays twice, and what counts no chances counts attempts.
        if cut_known && self.paid_attempts > 1 && self.worth.is_finite() {
            self.paid_attempts.saturating_mul(ON_CUT_ROUTE)
        } else {
            self.paid_attempts
        }
    }

    /// Whether the money is enough for one more duplicate after `made`, at this price each.
    pub(super) fn duplicates_reach(&self, made: u32, price: Option<Money>) -> bool {
        self.max_duplicate_cost.is_none_or(|most| {
            price.is_some_and(|price| {
                price.currency == most.currency
                    && price.times(made.saturating_add(1)).micros <= most.micros
            })
        })
    }

    /// The bounds in money, each with its key.
    pub(crate) fn money_bounds(&self) -> impl Iterator<Item = (&'static str, Money)> {
        let bounds = [
            ("max_duplicate_cost", self.max_duplicate_cost),
            ("budget.floor", self.budget.map(|budget| budget.floor)),
            ("spending_cap", self.spending_cap),
        ];
        bounds
            .into_iter()
            .filter_map(|(key, bound)| Some((key, bound?)))
    }

    /// How long an operation may take whose attempts have this limit until their picture begins.
    pub(super) fn time_for(&self, limit: Duration) -> Duration {
        limit
            .max(self.longest_silence)
            .saturating_add(scale(BESIDE_LIMIT, self.time_scale))
            .saturating_mul(ATTEMPTS_IN_DEADLINE)
    }
}
