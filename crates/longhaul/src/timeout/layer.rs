use std::sync::Arc;

use tower_layer::Layer;

use super::{
    limits::{Clocks, Limits, SelectClocks},
    service::SizeAwareTimeout,
};
use crate::{config::ConfigError, model::Workload};

/// Makes [`SizeAwareTimeout`]s.
#[derive(Clone, Debug)]
#[must_use]
pub struct SizeAwareTimeoutLayer<P = Arc<Limits>> {
    policy: P,
}

impl SizeAwareTimeoutLayer {
    /// Keeps `limits`; refuses zero, half-set and contradictory ones.
    pub fn new(limits: Limits) -> Result<Self, ConfigError> {
        limits.validate()?;
        Ok(Self {
            policy: Arc::new(limits),
        })
    }
}

/// The default [`Limits`].
impl Default for SizeAwareTimeoutLayer {
    fn default() -> Self {
        Self {
            policy: Arc::default(),
        }
    }
}

impl<P: SelectClocks> SizeAwareTimeoutLayer<P> {
    /// Asks `policy` for the clocks of each attempt.
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

impl<P: SelectClocks + ?Sized> SelectClocks for Arc<P> {
    fn clocks(&self, workload: &Workload) -> Clocks {
        (**self).clocks(workload)
    }

    fn clocks_after(&self, workload: &Workload, head_expiries: u32) -> Clocks {
        (**self).clocks_after(workload, head_expiries)
    }
}
