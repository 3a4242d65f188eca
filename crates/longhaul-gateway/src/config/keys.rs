//! Callers in the configuration: their keys' hashes, what they may spend, how much they may have in flight.
//!
//! The file holds hashes and no keys, so that whoever reads it, a backup or a ticket among them, cannot call with it.
//! The keys themselves are made by `longhaul-gateway key new NAME` or [`new_key`](crate::caller::new_key), and shown
//! once.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::core::{ConfigError, Money};

/// One caller: its key, and what it may do.
///
/// ```toml
/// [[keys]]
/// name = "alice"
/// sha256 = "…"   # `longhaul-gateway key new alice` prints it
/// cap = { limit = "50.00 USD", per = "month" }
/// in_flight = 16
/// queue = 64
/// ```
///
/// The same from a program:
///
/// ```
/// use longhaul::Money;
/// use longhaul_gateway::{caller::new_key, config::{Cap, KeyConfig, Per}};
///
/// let (key, sha256) = new_key()?;
/// let mut alice = KeyConfig::new("alice", sha256);
/// alice.cap = Some(Cap::new(Money::usd_micros(50_000_000), Per::Month));
/// alice.in_flight = 16;
/// assert!(key.starts_with("lh-"), "for alice; the configuration never has it");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyConfig {
    /// What logs, metrics and the page call it.
    ///
    /// A caller is its name: operations, idempotency keys and what was spent are found by it. With another name and
    /// the same key it is a new caller, which finds none of its pictures and has spent nothing. Empty, or the name of
    /// two keys, it is refused. It is a label of metrics, so that it should be no secret, and hardly change.
    pub name: String,
    /// The SHA-256 of the key, as `longhaul-gateway key new` prints it.
    ///
    /// Replace it to give the caller another key: what it has begun stays its own. The same hash twice is refused.
    pub sha256: KeyHash,
    /// Whether it may read everybody's operations. Default no.
    ///
    /// It opens [`GET /v1/longhaul/operations/…`](crate::replay::Replays::collect) of all callers, with the pictures
    /// in them. It has no other rights: caps and turns hold for it as for everybody.
    #[serde(default)]
    pub admin: bool,
    /// The most that it may spend. Default no limit.
    ///
    /// Under a cap every call needs a price row at its upstream; one without is refused with 402, and the message
    /// names the row that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// Calls at an upstream at a time. Default 64.
    ///
    /// It counts at each upstream apart. More calls wait in `queue`. 0 is refused: a caller that may do nothing has
    /// no key.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
    /// Calls that wait for their turn at an upstream; more are refused with 429. Default 256.
    ///
    /// 0 is allowed: a call gets a free place at once, or is refused. Waiting costs nothing, and ends with the
    /// caller's line or its deadline.
    #[serde(default = "queue")]
    pub queue: usize,
}

/// The gateway's own choice: a quarter of the 256 places that an upstream has by default, so that no one caller takes
/// all of them.
pub(crate) const fn in_flight() -> usize {
    64
}

/// The gateway's own choice: four times as many as may run.
pub(crate) const fn queue() -> usize {
    256
}

impl KeyConfig {
    /// The caller called `name` with this key.
    ///
    /// No admin, no cap, 64 in flight, 256 in the queue. Whether name and hash are its own is checked with the whole
    /// [configuration](super::Config::validate).
    pub fn new(name: impl Into<String>, sha256: KeyHash) -> Self {
        Self {
            name: name.into(),
            sha256,
            admin: false,
            cap: None,
            in_flight: in_flight(),
            queue: queue(),
        }
    }

    /// A cap of zero stays: it lets through what is free, by a price row of 0.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "must not be empty"));
        }
        if self.in_flight == 0 {
            return Err(ConfigError::new("in_flight", "must be at least 1"));
        }
        if let Some(cap) = self.cap
            && cap.limit.micros < 0
        {
            return Err(ConfigError::new("cap.limit", "must not be negative"));
        }
        Ok(())
    }
}

/// The most that a caller may spend. What was charged counts, what may have been, and what calls in flight cost.
///
/// ```
/// use longhaul::Money;
/// use longhaul_gateway::config::{Cap, Per};
///
/// let cap = Cap::new(Money::usd_micros(50_000_000), Per::Month);
/// assert_eq!(cap.limit.to_string(), "50.00 USD");
/// assert_eq!(cap.per, Per::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Cap {
    /// The most, in the currency of the price rows: `"5.00 USD"`.
    ///
    /// A call that is priced in another currency cannot be held against it, and is refused as one without a price.
    /// Negative amounts are refused; 0 lets only calls through whose price row is 0. Changed while the gateway runs,
    /// it holds at once, also for what was spent before.
    pub limit: Money,
    /// In which span. Default `month`.
    ///
    /// A call belongs to the span in which it was held; at the turn of a span, what is in flight stays held.
    #[serde(default)]
    pub per: Per,
}

impl Cap {
    /// At most `limit` in this span.
    pub const fn new(limit: Money, per: Per) -> Self {
        Self { limit, per }
    }
}

/// The span in which a cap counts, by the calendar in UTC.
///
/// In a file: `"day"`, `"month"`, `"ever"`.
///
/// ```
/// use longhaul_gateway::config::{Config, Per};
///
/// let text = "keys = [{ name = 'a', sha256 = 'HASH', cap = { limit = '5.00 USD', per = 'day' } }]
///     [[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\nkey = 'none'\n";
/// let config = Config::from_toml(&text.replace("HASH", &"ab".repeat(32)))?;
/// assert_eq!(config.keys[0].cap.unwrap().per, Per::Day);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Per {
    /// From midnight to midnight, in UTC and not where callers live.
    Day,
    /// From the first of the month on.
    #[default]
    Month,
    /// For ever: a budget that is used up once. It is raised by a higher `limit`.
    Ever,
}

/// The SHA-256 of a caller's key: 64 hexadecimal digits in the file.
///
/// A key has 256 random bits, so that its plain hash cannot be turned back by trying.
///
/// ```
/// use longhaul_gateway::config::KeyHash;
///
/// let hash: KeyHash = "ab".repeat(32).parse()?;
/// assert_eq!(hash.to_string(), "ab".repeat(32));
/// assert!("ab".parse::<KeyHash>().is_err());
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// Anything but 64 digits is refused, capitals are read as well. `Debug` shows nothing of it: a configuration is
/// printed in tests and logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub(crate) [u8; 32]);

impl FromStr for KeyHash {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| {
            ConfigError::new(
                "sha256",
                "write the 64 hexadecimal digits that `longhaul-gateway key new` prints",
            )
        })?;
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
