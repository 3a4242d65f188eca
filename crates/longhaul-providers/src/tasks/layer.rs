//! The layer: what its services share, checked once.

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
///
/// Shared are the open tasks, the rate of polls, and which hosts refused tasks; so one layer serves a whole program,
/// and a second one would know nothing of the first one's tasks. It belongs between the clocks of an attempt and the
/// client, where `Stack::with_exchange` puts it. Without `longhaul`'s layers around it, it works too: the idempotency
/// key is then the request's own header, the deadline that of the policy, and no ledger keeps the handle.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use http_body_util::Full;
/// use longhaul_providers::tasks::{SubmitAndPollLayer, TaskReport, TasksPolicy};
/// use longhaul_sim::Provider;
/// use tokio::time::timeout;
/// use tower::{Layer, ServiceExt};
///
/// let provider = Provider::builder().script("none+takes@120".parse()?).build()?;
/// let layer = SubmitAndPollLayer::new(TasksPolicy::default().at("sim.test", "openai-responses"))?;
/// let ask = || {
///     let body = r#"{ "input": "a cat", "tools": [{ "type": "image_generation" }] }"#;
///     let request = http::Request::post("http://sim.test/v1/responses").header("idempotency-key", "op-1");
///     layer.layer(provider.clone()).oneshot(request.body(Full::from(body)).unwrap())
/// };
/// // The first caller leaves after a minute; the second one collects the picture, and orders none.
/// assert!(timeout(Duration::from_secs(60), ask()).await.is_err());
/// let answer = ask().await?;
/// assert!(answer.extensions().get::<TaskReport>().unwrap().resumed);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SubmitAndPollLayer {
    shared: Arc<Shared>,
}

impl SubmitAndPollLayer {
    /// Tasks by `policy`; refuses one that cannot work, naming the key.
    ///
    /// ```
    /// use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
    ///
    /// let policy = TasksPolicy::default().at("relay.example.com", "sub3api");
    /// let error = SubmitAndPollLayer::new(policy).unwrap_err();
    /// assert!(error.to_string().contains("no dialect \"sub3api\""));
    /// ```
    pub fn new(policy: TasksPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            shared: Arc::new(Shared::new(policy)),
        })
    }
}

/// The default [`TasksPolicy`].
///
/// It is valid as it is, so nothing can be refused.
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
