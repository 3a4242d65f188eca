use tower_layer::Layer;

use super::{DetectPolicy, DetectWorkload};
use crate::{body::MemoryBudget, config::ConfigError};

/// Puts a [`DetectWorkload`] around a service. All services that it makes share one replay limit.
///
/// ```
/// use longhaul::detect::{DetectPolicy, DetectWorkloadLayer};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut policy = DetectPolicy::default();
/// policy.replay_limit = 8 << 20;
/// let client = DetectWorkloadLayer::new(policy)?.layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DetectWorkloadLayer {
    policy: DetectPolicy,
    budget: MemoryBudget,
}

impl DetectWorkloadLayer {
    /// A layer with this policy. Fails where the policy [cannot work](DetectPolicy::validate).
    pub fn new(policy: DetectPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            budget: MemoryBudget::new(policy.client_replay_limit),
            policy,
        })
    }

    /// Bytes of request bodies that are held at this moment, of
    /// [`client_replay_limit`](DetectPolicy::client_replay_limit).
    ///
    /// For a gauge: near the limit, bodies are sent once and not kept.
    pub fn retained_bytes(&self) -> u64 {
        self.budget.retained()
    }

    /// The memory that the bodies of all its services are held in: for a layer that holds more of them.
    ///
    /// What stands above and holds bodies too, as [`Fallback`](crate::fallback::Fallback) does, counts them in the same sum.
    pub fn replay_budget(&self) -> MemoryBudget {
        self.budget.clone()
    }
}

impl Default for DetectWorkloadLayer {
    fn default() -> Self {
        Self::new(DetectPolicy::default()).expect("the default policy is a valid one")
    }
}

impl<S> Layer<S> for DetectWorkloadLayer {
    type Service = DetectWorkload<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DetectWorkload::with_budget(inner, self.policy.clone(), self.budget.clone())
    }
}
