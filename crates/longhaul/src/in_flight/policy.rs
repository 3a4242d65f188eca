use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config::ConfigError;

/// How many calls are let in at once, and how long the others wait.
///
/// ```
/// use std::time::Duration;
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.in_flight.max_per_host = 40;
/// policy.in_flight.queue_timeout = Duration::from_secs(30);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InFlightPolicy {
    /// Operations at one host at a time, each counted to the end of its answer's body, with what is made beside a late
    /// attempt. Default 10.
    ///
    /// The provider's own limit of calls at once, or a little less: what it refuses above that costs a wait of 15 s, a place
    /// here costs none.
    pub max_per_host: usize,
    /// How long a call waits for a place before it is told that there is none. Default 10 s.
    ///
    /// Below a retry layer it is only how often the wait is told to observers: the call keeps its place in the queue.
    #[serde(with = "crate::config::duration")]
    pub queue_timeout: Duration,
}

impl Default for InFlightPolicy {
    fn default() -> Self {
        Self {
            max_per_host: 10,
            queue_timeout: Duration::from_secs(10),
        }
    }
}

impl InFlightPolicy {
    /// Refuses a policy that cannot work.
    ///
    /// ```
    /// use longhaul::in_flight::InFlightPolicy;
    ///
    /// let mut policy = InFlightPolicy::default();
    /// policy.max_per_host = 0;
    /// assert_eq!(policy.validate().unwrap_err().field(), "max_per_host");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.max_per_host == 0 {
            return Err(ConfigError::new(
                "max_per_host",
                "must let in at least one call",
            ));
        }
        if self.max_per_host > Semaphore::MAX_PERMITS {
            return Err(ConfigError::new(
                "max_per_host",
                format!("must be at most {}", Semaphore::MAX_PERMITS),
            ));
        }
        // A retry layer waits again and again: with no wait at all it would spin.
        if self.queue_timeout.is_zero() {
            return Err(ConfigError::new(
                "queue_timeout",
                "must be longer than zero",
            ));
        }
        Ok(())
    }
}
