use tower_layer::Layer;

use super::{Classifier, Classify, DefaultClassifier, policy::ClassifyPolicy};
use crate::ConfigError;

/// Makes [`Classify`] services.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ClassifyLayer<C = DefaultClassifier> {
    policy: ClassifyPolicy,
    classifier: C,
}

impl ClassifyLayer {
    /// Judges by the built-in rules.
    pub fn new(policy: ClassifyPolicy) -> Result<Self, ConfigError> {
        Self::with_classifier(policy, DefaultClassifier)
    }
}

/// The built-in rules and the default policy.
impl Default for ClassifyLayer {
    fn default() -> Self {
        Self {
            policy: ClassifyPolicy::default(),
            classifier: DefaultClassifier,
        }
    }
}

impl<C: Classifier> ClassifyLayer<C> {
    /// Judges by `classifier`.
    pub fn with_classifier(policy: ClassifyPolicy, classifier: C) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self { policy, classifier })
    }
}

impl<C> ClassifyLayer<C> {
    /// The same policy with another classifier.
    pub(crate) fn with<D>(self, classifier: D) -> ClassifyLayer<D> {
        ClassifyLayer {
            policy: self.policy,
            classifier,
        }
    }
}

impl<S, C: Clone> Layer<S> for ClassifyLayer<C> {
    type Service = Classify<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Classify::with_policy(inner, self.policy, self.classifier.clone())
    }
}
