use tower_layer::Layer;

use super::{Classifier, Classify, DefaultClassifier, policy::ClassifyPolicy};
use crate::{body::MemoryBudget, config::ConfigError, model::RouteHistory};

/// Makes [`Classify`] services.
///
/// All services of one layer and of its clones share a [`RouteHistory`]: connections that are cut after the
/// same time tell who cuts them. They share the memory for answers that are held, too.
///
/// ```
/// use longhaul::classify::{ClassifyLayer, ClassifyPolicy};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut policy = ClassifyPolicy::default();
/// policy.hold_limit = 32 << 20;
/// let client = ClassifyLayer::new(policy)?.layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClassifyLayer<C = DefaultClassifier> {
    policy: ClassifyPolicy,
    memory: MemoryBudget,
    classifier: C,
    history: RouteHistory,
}

impl ClassifyLayer {
    /// Judges by the built-in rules, unless [another classifier](Self::with_classifier) is given. Refuses a policy that
    /// cannot work.
    pub fn new(policy: ClassifyPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            memory: MemoryBudget::new(policy.client_hold_limit),
            policy,
            classifier: DefaultClassifier,
            history: RouteHistory::default(),
        })
    }
}

/// The built-in rules and the default policy.
impl Default for ClassifyLayer {
    fn default() -> Self {
        Self {
            policy: ClassifyPolicy::default(),
            memory: MemoryBudget::new(ClassifyPolicy::default().client_hold_limit),
            classifier: DefaultClassifier,
            history: RouteHistory::default(),
        }
    }
}

impl<C> ClassifyLayer<C> {
    /// The same layer with this history, to share one across layers.
    ///
    /// A cut that is seen in one layer is then known to the diagnosis of another. A [`Stack`](crate::Stack) does it by itself.
    pub fn with_history(mut self, history: RouteHistory) -> Self {
        self.history = history;
        self
    }

    /// The memory that answers are held in until they are whole.
    ///
    /// ```
    /// use longhaul::classify::ClassifyLayer;
    ///
    /// let layer = ClassifyLayer::default();
    /// assert_eq!(layer.hold_budget().retained(), 0, "no answer is coming");
    /// ```
    pub fn hold_budget(&self) -> MemoryBudget {
        self.memory.clone()
    }

    /// The same layer with this classifier.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use longhaul::classify::{ClassifyLayer, DefaultClassifier};
    ///
    /// // One that is not cheap to clone can stand in an `Arc`.
    /// let layer = ClassifyLayer::default().with_classifier(Arc::new(DefaultClassifier));
    /// ```
    pub fn with_classifier<D: Classifier>(self, classifier: D) -> ClassifyLayer<D> {
        ClassifyLayer {
            policy: self.policy,
            memory: self.memory,
            classifier,
            history: self.history,
        }
    }
}

impl<S, C: Clone> Layer<S> for ClassifyLayer<C> {
    type Service = Classify<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Classify {
            inner,
            policy: self.policy,
            memory: self.memory.clone(),
            classifier: self.classifier.clone(),
            history: self.history.clone(),
        }
    }
}
