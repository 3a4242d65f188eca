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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyConfig {
    /// What logs, metrics and the page call it.
    pub name: String,
    /// The SHA-256 of the key, as `longhaul-gateway key new` prints it.
    pub sha256: KeyHash,
    /// Whether it may read everybody's operations. Default no.
    #[serde(default)]
    pub admin: bool,
    /// The most that it may spend. Default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// Calls at an upstream at a time. Default 64.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
    /// Calls that wait for their turn at an upstream; more are refused with 429. Default 256.
    #[serde(default = "queue")]
    pub queue: usize,
}

pub(crate) const fn in_flight() -> usize {
    64
}

pub(crate) const fn queue() -> usize {
    256
}

impl KeyConfig {
    /// The caller called `name` with this key.
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
    pub limit: Money,
    /// In which span. Default `month`.
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Per {
    /// From midnight to midnight.
    Day,
    /// From the first of the month on.
    #[default]
    Month,
    /// For ever.
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
