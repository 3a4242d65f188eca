use std::sync::Arc;

use longhaul::ConfigError;
use tower_layer::Layer;

use super::{
    policy::StreamPolicy,
    service::{Shared, StreamUpgrade},
};

/// Makes [`StreamUpgrade`]s; all of them remember the same refusals.
///
/// A host that refuses streams refuses the next one too: it is remembered, so that each call does not pay for the question.
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamUpgradeLayer {
    shared: Arc<Shared>,
}

impl StreamUpgradeLayer {
    /// Streams by `policy`; refuses one that cannot work, naming the key.
    pub fn new(policy: StreamPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            shared: Arc::new(Shared::new(policy)),
        })
    }
}

/// The default [`StreamPolicy`].
impl Default for StreamUpgradeLayer {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared::new(StreamPolicy::default())),
        }
    }
}

impl<S> Layer<S> for StreamUpgradeLayer {
    type Service = StreamUpgrade<S>;

    fn layer(&self, inner: S) -> Self::Service {
        StreamUpgrade::new(inner, Arc::clone(&self.shared))
    }
}
