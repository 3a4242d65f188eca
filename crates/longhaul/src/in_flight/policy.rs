use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config::{ConfigError, scale_with_floor};

/// How many calls are let in at once, and how long the others wait.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InFlightPolicy {
    /// Calls to one host at a time, each counted to the end of its answer's body. Default 10.
    pub per_host: usize,
    /// How long a call waits for a place before it is told that there is none. Default 10 s.
    #[serde(with = "crate::config::duration")]
    pub wait: Duration,
}

impl Default for InFlightPolicy {
    fn default() -> Self {
        Self {
            per_host: 10,
            wait: Duration::from_secs(10),
        }
    }
}

impl InFlightPolicy {
    /// Refuses a policy that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.per_host == 0 {
            return Err(ConfigError::new(
                "per_host",
                "must let in at least one call",
            ));
        }
        if self.per_host > Semaphore::MAX_PERMITS {
            return Err(ConfigError::new(
                "per_host",
                format!("must be at most {}", Semaphore::MAX_PERMITS),
            ));
        }
        // A retry layer waits again and again: with no wait at all it would spin.
        if self.wait.is_zero() {
            return Err(ConfigError::new("wait", "must be longer than zero"));
        }
        Ok(())
    }

    /// The same policy for a provider whose time runs `1 / factor` times as fast.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            wait: scale_with_floor(self.wait, factor),
            ..self
        }
    }
}
