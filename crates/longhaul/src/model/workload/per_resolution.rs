//! A table with a row for every size, so that no size falls back to a default that nobody looked at.

use std::time::Duration;

use super::Resolution;
use crate::config::ConfigError;

/// One duration for each [`Resolution`]. All four are always given: a half-set table is refused.
///
/// ```
/// use longhaul::{PerResolution, Resolution};
///
/// let limits = PerResolution::from_secs(300, 300, 900, 900);
/// assert_eq!(limits.of(Resolution::K4).as_secs(), 900);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerResolution {
    /// For [`Resolution::K1`]: up to 2.1 megapixels.
    #[serde(with = "crate::config::duration")]
    pub k1: Duration,
    /// For [`Resolution::K2`]: up to 8.0 megapixels.
    #[serde(with = "crate::config::duration")]
    pub k2: Duration,
    /// For [`Resolution::K4`]: 8.0 megapixels and more.
    #[serde(with = "crate::config::duration")]
    pub k4: Duration,
    /// For [`Resolution::Unknown`]. As long as the longest of the others, or a large picture that nobody recognised is cut.
    #[serde(with = "crate::config::duration")]
    pub unknown: Duration,
}

impl PerResolution {
    /// A table in whole seconds.
    ///
    /// ```
    /// use longhaul::{Stack, PerResolution, policy::Policy};
    ///
    /// // What is not known must wait at least as long as what is.
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.timeout.picture = PerResolution::from_secs(300, 300, 600, 60);
    /// assert_eq!(Stack::new(policy).unwrap_err().field(), "timeout.picture.unknown");
    /// ```
    pub const fn from_secs(k1: u64, k2: u64, k4: u64, unknown: u64) -> Self {
        Self {
            k1: Duration::from_secs(k1),
            k2: Duration::from_secs(k2),
            k4: Duration::from_secs(k4),
            unknown: Duration::from_secs(unknown),
        }
    }

    /// The row of `resolution`.
    pub const fn of(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::K1 => self.k1,
            Resolution::K2 => self.k2,
            Resolution::K4 => self.k4,
            Resolution::Unknown => self.unknown,
        }
    }

    /// The same table with `change` made to each row.
    ///
    /// ```
    /// use longhaul::PerResolution;
    ///
    /// // Half as much again, for a relay that queues.
    /// let limits = PerResolution::from_secs(300, 300, 600, 600).map(|limit| limit * 3 / 2);
    /// assert_eq!((limits.k1.as_secs(), limits.unknown.as_secs()), (450, 900));
    /// ```
    #[must_use]
    pub fn map(self, change: impl Fn(Duration) -> Duration) -> Self {
        Self {
            k1: change(self.k1),
            k2: change(self.k2),
            k4: change(self.k4),
            unknown: change(self.unknown),
        }
    }

    /// Refuses zeros, and an `unknown` that waits less than a known size may need.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let rows = [
            ("k1", self.k1),
            ("k2", self.k2),
            ("k4", self.k4),
            ("unknown", self.unknown),
        ];
        for (name, duration) in rows {
            crate::config::nonzero(name, duration)?;
            if duration > self.unknown {
                return Err(ConfigError::new(
                    "unknown",
                    format!(
                        "{:?} is shorter than {name} = {duration:?}; what is not known must wait \
                         at least as long as what is",
                        self.unknown
                    ),
                ));
            }
        }
        Ok(())
    }
}
