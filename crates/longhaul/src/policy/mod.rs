//! All policies of a stack in one value, in code or in a file.
//!
//! ```
//! use longhaul::policy::Policy;
//!
//! // The Nano Banana Pro guide's policy, which is also the default …
//! assert_eq!(Policy::nano_banana_pro(), Policy::default());
//! // … and one that never sends again what may have been charged.
//! assert_eq!(Policy::no_duplicate_charges().retry.paid_attempts, 1);
//! ```
//!
//! With the feature `toml`, from a file. What it does not name keeps its default; an unknown key is refused
//! at every depth; a table of durations by resolution is given whole or not at all. The file
//! [`policy.toml`](https://docs.rs/crate/longhaul/latest/source/policy.toml) of this crate has every key with its default and
//! the source of the number; [`policy.schema.json`](https://docs.rs/crate/longhaul/latest/source/policy.schema.json) tells an
//! editor the same.
//!
//! ```
//! # #[cfg(feature = "toml")]
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! use longhaul::policy::Policy;
//!
//! let policy = Policy::from_toml(r#"
//!     [timeout]
//!     network = "cross-border"
//!     picture = { k1 = "300s", k2 = "300s", k4 = "15m", unknown = "15m" }
//!
//!     [retry]
//!     paid_attempts = 2
//!     worth = 10
//!
//!     [in_flight]
//!     max_per_host = 20
//!
//!     [[billing.prices]]
//!     provider = "generativelanguage.googleapis.com"
//!     model = "gemini-3-pro-image*"
//!     resolution = "K4"
//!     price = "0.24 USD"
//!
//!     [[billing.charge_rules]]          # this relay charges what it cuts
//!     provider = "relay.example.com"
//!     class = "IntermediaryCut"
//!     permille = 1000
//! "#)?;
//! # Ok(()) }
//! # #[cfg(feature = "toml")]
//! # example().unwrap();
//! ```

#[cfg(all(test, feature = "toml"))]
mod every_key;
#[cfg(feature = "toml")]
mod renamed;
mod scaled;
#[cfg(all(test, feature = "toml"))]
mod schema;
#[cfg(test)]
mod tests;
#[cfg(feature = "toml")]
mod unreadable;

use crate::{
    billing::BillingPolicy, classify::ClassifyPolicy, config::ConfigError, detect::DetectPolicy,
    fallback::FallbackPolicy, http1::Http1Policy, in_flight::InFlightPolicy, retry::RetryPolicy,
    timeout::TimeoutPolicy,
};

/// The policies of all layers of a [`Stack`](crate::Stack). Plain data: change what you like, then build.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// What is read of a request.
    pub detect: DetectPolicy,
    /// Where else to ask.
    pub fallback: FallbackPolicy,
    /// When to send again.
    pub retry: RetryPolicy,
    /// How many at once.
    pub in_flight: InFlightPolicy,
    /// How much of an answer is read before it is handed on.
    pub classify: ClassifyPolicy,
    /// How long to wait.
    pub timeout: TimeoutPolicy,
    /// Which HTTP, and what must not leave in the clear.
    pub http1: Http1Policy,
    /// What it costs, and what the provider owes back.
    pub billing: BillingPolicy,
}

impl Policy {
    /// The Nano Banana Pro timeout guide's policy, and where the guide is silent the one that delivers most for its money:
    /// three attempts that may be charged, refusals asked again until the deadline, late pictures taken. The default.
    ///
    /// ```
    /// use longhaul::policy::Policy;
    ///
    /// let policy = Policy::nano_banana_pro();
    /// assert_eq!(policy, Policy::default());
    /// assert_eq!(policy.retry.paid_attempts, 3);
    /// assert_eq!(policy.timeout.picture.k4.as_secs(), 600);
    /// ```
    pub fn nano_banana_pro() -> Self {
        Self::default()
    }

    /// Never sends again what may have been charged: `retry.paid_attempts` is 1. What ended free of charge is still asked
    /// again, and an attempt that is late goes on to the operation's deadline.
    ///
    /// ```
    /// use longhaul::{Class, End, policy::Policy, retry::{RetryDecision, Situation, StoppedBy}};
    ///
    /// let retry = Policy::no_duplicate_charges().retry;
    /// let cut = Situation::new(End::Failed, Class::UnknownOutcome);
    /// assert_eq!(retry.decision(&cut), RetryDecision::Stop(StoppedBy::Attempts));
    /// // Free endings are met as ever.
    /// let busy = Situation::new(End::Finished, Class::Overloaded);
    /// assert!(matches!(retry.decision(&busy), RetryDecision::Again { duplicate: false, .. }));
    /// ```
    pub fn no_duplicate_charges() -> Self {
        let mut policy = Self::default();
        policy.retry.paid_attempts = 1;
        policy
    }

    /// Refuses whatever a layer would refuse, naming the field as in a policy file (`timeout.picture.k4`).
    ///
    /// ```
    /// use longhaul::policy::Policy;
    ///
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.retry.schedule.jitter = 3.0;
    /// assert_eq!(policy.validate().unwrap_err().field(), "retry.schedule.jitter");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let under = |name| move |error: ConfigError| error.under(name);
        self.detect.validate().map_err(under("detect"))?;
        self.fallback.validate().map_err(under("fallback"))?;
        self.retry.validate().map_err(under("retry"))?;
        self.in_flight.validate().map_err(under("in_flight"))?;
        self.classify.validate().map_err(under("classify"))?;
        self.timeout.validate().map_err(under("timeout"))?;
        self.http1.validate().map_err(under("http1"))?;
        self.billing.validate().map_err(under("billing"))?;
        self.refuse_other_currencies()
    }

    /// A bound in one currency says nothing of prices in another.
    fn refuse_other_currencies(&self) -> Result<(), ConfigError> {
        for (key, bound) in self.retry.money_bounds() {
            let prices = self.billing.prices.iter().map(|row| row.price);
            let other = prices
                .enumerate()
                .find(|(_, price)| price.currency != bound.currency);
            if let Some((index, price)) = other {
                let why = format!(
                    "is in {}, and `billing.prices[{index}]` in {}: a bound and the prices need one currency",
                    bound.currency, price.currency
                );
                return Err(ConfigError::new(key, why).under("retry"));
            }
        }
        Ok(())
    }

    /// Reads a policy file. Refuses unknown keys, wrong types and values that cannot work.
    ///
    /// ```
    /// use longhaul::policy::Policy;
    ///
    /// let policy = Policy::from_toml("[retry]\npaid_attempts = 2\n[timeout]\nsilence = '5m'\n")?;
    /// assert_eq!((policy.retry.paid_attempts, policy.timeout.silence.as_secs()), (2, 300));
    /// // What is not named stays at its default, and what nobody knows is refused.
    /// assert_eq!(policy.in_flight, Policy::nano_banana_pro().in_flight);
    /// assert!(Policy::from_toml("[retry]\nattempts = 2\n").is_err());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The key that is unknown, has a value that cannot work, or was renamed; else the line and column.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let unreadable = |error: toml::de::Error| unreadable::unreadable(text, &error);
        renamed::refuse_old_keys(&text.parse().map_err(unreadable)?)?;
        let policy: Self = toml::from_str(text).map_err(unreadable)?;
        policy.validate()?;
        Ok(policy)
    }

    /// Writes the policy as a file that [`from_toml`](Self::from_toml) reads back.
    ///
    /// ```
    /// use longhaul::policy::Policy;
    ///
    /// let policy = Policy::no_duplicate_charges();
    /// assert_eq!(Policy::from_toml(&policy.to_toml()?)?, policy);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A number that TOML has none for, about `policy`.
    #[cfg(feature = "toml")]
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self)
            .map_err(|error| ConfigError::new("policy", format!("cannot be written: {error}")))
    }
}
