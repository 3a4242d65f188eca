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
    pub const fn of(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::K1 => self.k1,
            Resolution::K2 => self.k2,
            Resolution::K4 => self.k4,
            _ => self.unknown,
        }
    }
}
