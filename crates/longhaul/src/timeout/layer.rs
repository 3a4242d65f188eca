use std::sync::Arc;

use tower_layer::Layer;

use super::{
    policy::TimeoutPolicy,
    selector::{AttemptTimeouts, TimeoutSelector},
    service::SizeAwareTimeout,
};
use crate::{config::ConfigError, model::Workload};

/// Makes [`SizeAwareTimeout`]s.
///
/// ```
/// use longhaul::{PerResolution, timeout::{SizeAwareTimeoutLayer, TimeoutPolicy}};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut limits = TimeoutPolicy::default();
/// limits.picture = PerResolution::from_secs(120, 120, 400, 400);
/// let client = SizeAwareTimeoutLayer::new(limits)?.layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SizeAwareTimeoutLayer<P = Arc<TimeoutPolicy>> {
    policy: P,
}

impl SizeAwareTimeoutLayer {
    /// Keeps `limits`; refuses zero, half-set and contradictory ones.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::timeout::{SizeAwareTimeoutLayer, TimeoutPolicy};
    ///
    /// let mut limits = TimeoutPolicy::default();
    /// limits.silence = Duration::ZERO;
    /// assert_eq!(SizeAwareTimeoutLayer::new(limits).unwrap_err().field(), "silence");
    /// ```
    pub fn new(limits: TimeoutPolicy) -> Result<Self, ConfigError> {
        limits.validate()?;
        Ok(Self {
            policy: Arc::new(limits),
        })
    }
}

/// The default [`TimeoutPolicy`].
impl Default for SizeAwareTimeoutLayer {
    fn default() -> Self {
        Self {
            policy: Arc::default(),
        }
    }
}

impl<P: TimeoutSelector> SizeAwareTimeoutLayer<P> {
    /// Asks `policy` for the limits of each attempt.
    ///
    /// Nothing is checked: a limit of zero ends every attempt at once. A retry layer above does not see these limits; where
    /// they are longer than the guide's, name the operation's deadline in
    /// [`RetryPolicy::deadline`](crate::retry::RetryPolicy::deadline).
    pub const fn with_policy(policy: P) -> Self {
        Self { policy }
    }
}

impl<S, P: Clone> Layer<S> for SizeAwareTimeoutLayer<P> {
    type Service = SizeAwareTimeout<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        SizeAwareTimeout::with_policy(inner, self.policy.clone())
    }
}

impl<P: TimeoutSelector + ?Sized> TimeoutSelector for Arc<P> {
    fn timeouts(&self, workload: &Workload) -> AttemptTimeouts {
        (**self).timeouts(workload)
    }

    fn timeouts_after(&self, workload: &Workload, expiries: u32) -> AttemptTimeouts {
        (**self).timeouts_after(workload, expiries)
    }
}
