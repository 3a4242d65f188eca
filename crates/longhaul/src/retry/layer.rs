use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::RetryPolicy, service::ClassifyingRetry};
use crate::{ConfigError, observe::Observer, timeout::Limits};

/// Makes [`ClassifyingRetry`] services.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClassifyingRetryLayer {
    policy: Arc<RetryPolicy>,
    observer: Option<Observer>,
}

impl ClassifyingRetryLayer {
    /// Retries by `policy`. A policy without a deadline gets the one that follows from its attempts and
    /// the default [`Limits`].
    pub fn new(policy: RetryPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            policy: Arc::new(policy.bounded_by(&Limits::default())),
            observer: None,
        })
    }

    /// Tells `observer` of the events of all operations.
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl Default for ClassifyingRetryLayer {
    fn default() -> Self {
        Self {
            policy: Arc::new(RetryPolicy::default().bounded_by(&Limits::default())),
            observer: None,
        }
    }
}

impl<S> Layer<S> for ClassifyingRetryLayer {
    type Service = ClassifyingRetry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClassifyingRetry::with_policy(inner, self.policy.clone(), self.observer.clone())
    }
}
