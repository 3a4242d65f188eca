//! How long the first poll waits.

use std::time::Duration;

use longhaul::Resolution;
use serde::{Deserialize, Serialize};

/// How long the first poll waits, by size: no picture is ready sooner, and each poll counts against the account's rate.
///
/// ```
/// use std::time::Duration;
/// use longhaul_providers::tasks::TasksPolicy;
///
/// // A relay whose 4K pictures take a minute.
/// let mut policy = TasksPolicy::default();
/// policy.first_wait.k4 = Duration::from_secs(50);
/// ```
///
/// In a policy file all four stand together:
///
/// ```
/// use longhaul_providers::tasks::TasksPolicy;
///
/// let text = "first_wait = { k1 = '5s', k2 = '8s', k4 = '15s', unknown = '5s' }";
/// let policy = TasksPolicy::from_toml(text)?;
/// assert_eq!(policy.first_wait.k4.as_secs(), 15);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstWait {
    /// For [`Resolution::K1`]: up to 2.1 megapixels.
    #[serde(with = "humantime_serde")]
    pub k1: Duration,
    /// For [`Resolution::K2`]: up to 8.0 megapixels.
    #[serde(with = "humantime_serde")]
    pub k2: Duration,
    /// For [`Resolution::K4`]: 8.0 megapixels and more.
    #[serde(with = "humantime_serde")]
    pub k4: Duration,
    /// Where the size is unknown.
    #[serde(with = "humantime_serde")]
    pub unknown: Duration,
}

/// A quarter of the median time of each size.
///
/// 11, 16 and 30 s; an unknown size waits as the smallest one does, since a picture that is ready should not lie there.
impl Default for FirstWait {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            k1: seconds(11),
            k2: seconds(16),
            k4: seconds(30),
            unknown: seconds(11),
        }
    }
}

impl FirstWait {
    /// The wait for this size.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::Resolution;
    /// use longhaul_providers::tasks::FirstWait;
    ///
    /// let waits = FirstWait::default();
    /// assert_eq!(waits.of(Resolution::K4), Duration::from_secs(30));
    /// assert_eq!(waits.of(Resolution::Unknown), Duration::from_secs(11));
    /// ```
    pub const fn of(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::K1 => self.k1,
            Resolution::K2 => self.k2,
            Resolution::K4 => self.k4,
            _ => self.unknown,
        }
    }
}
