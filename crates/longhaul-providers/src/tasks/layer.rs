use std::sync::Arc;

use longhaul::ConfigError;
use tower_layer::Layer;

use super::{
    policy::TasksPolicy,
    service::{Shared, SubmitAndPoll},
};

/// Makes [`SubmitAndPoll`]s; all of them know the same open tasks.
///
/// A call with an idempotency key whose task is open is therefore polled for and not submitted again, by whichever service it comes.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubmitAndPollLayer {
    shared: Arc<Shared>,
}

impl SubmitAndPollLayer {
    /// Tasks by `policy`; refuses one that cannot work, naming the key.
    pub fn new(policy: TasksPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            shared: Arc::new(Shared::new(policy)),
        })
    }
}

/// The default [`TasksPolicy`].
impl Default for SubmitAndPollLayer {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared::new(TasksPolicy::default())),
        }
    }
}

impl<S> Layer<S> for SubmitAndPollLayer {
    type Service = SubmitAndPoll<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SubmitAndPoll::new(inner, Arc::clone(&self.shared))
    }
}
