use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::FallbackPolicy, service::Fallback, shared::Shared};
use crate::{body::MemoryBudget, config::ConfigError, observe::Observer};

/// Makes [`Fallback`] services. All that it makes share their breakers.
#[derive(Clone, Debug)]
#[must_use]
pub struct FallbackLayer {
    shared: Arc<Shared>,
    observer: Option<Observer>,
    replay: Option<MemoryBudget>,
}

impl FallbackLayer {
    /// Falls back by `policy`. Reads the keys that it names from the environment, and refuses a policy that
    /// cannot work.
    pub fn new(policy: FallbackPolicy) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared::new(policy)?),
            observer: None,
            replay: None,
        })
    }

    /// Holds the bodies that it writes anew within the limit that the callers' own are
    /// [held by](crate::detect::DetectPolicy::client_replay_limit). A [`Stack`](crate::Stack) does so.
    pub fn with_replay_budget(mut self, budget: MemoryBudget) -> Self {
        self.replay = Some(budget);
        self
    }

    /// Tells `observer` of the events of all operations.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl Default for FallbackLayer {
    /// Off: it passes everything on.
    fn default() -> Self {
        Self::new(FallbackPolicy::default()).expect("the default policy is a valid one")
    }
}

impl<S> Layer<S> for FallbackLayer {
    type Service = Fallback<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Fallback::from_parts(
            inner,
            self.shared.clone(),
            self.observer.clone(),
            self.replay.clone(),
        )
    }
}
