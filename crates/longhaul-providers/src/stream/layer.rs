//! The layer: what its services share, checked once.

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
///
/// It belongs between the clocks of an attempt and the client, where `Stack::with_exchange` puts it. Above the clocks
/// it would hide from them that bytes arrive. Without any layer of `longhaul` around it, it works too: the policy's own
/// deadline then ends a stream that hangs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_providers::stream::{Api, StreamPolicy, StreamReport, StreamUpgradeLayer};
/// use longhaul_sim::Provider;
/// use tower::{Layer, ServiceExt};
///
/// let policy = StreamPolicy::default().at("relay.test", Api::Images, 2);
/// // A proxy on the way cuts what is silent for 60 s, and the picture takes 240 s.
/// let provider = Provider::builder()
///     .script("cut@60+takes@240".parse()?)
///     .pings(std::time::Duration::from_secs(15))
///     .build()?;
/// let client = StreamUpgradeLayer::new(policy)?.layer(provider);
/// let request = http::Request::post("http://relay.test/v1/images/generations")
///     .body(http_body_util::Full::from(r#"{ "prompt": "a cat" }"#))?;
/// let answer = client.oneshot(request).await?;
/// assert_eq!(answer.headers()["content-type"], "application/json");
/// let report = answer.extensions().get::<StreamReport>().unwrap();
/// assert!(report.pings > 10 && report.partial_images == 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamUpgradeLayer {
    shared: Arc<Shared>,
}

impl StreamUpgradeLayer {
    /// Streams by `policy`; refuses one that cannot work, naming the key.
    ///
    /// ```
    /// use longhaul_providers::stream::{Api, StreamPolicy, StreamUpgradeLayer};
    ///
    /// let policy = StreamPolicy::default().at("https://relay.test", Api::Images, 0);
    /// let error = StreamUpgradeLayer::new(policy).unwrap_err();
    /// assert_eq!(error.field(), r#"hosts."https://relay.test""#);
    /// ```
    pub fn new(policy: StreamPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            shared: Arc::new(Shared::new(policy)),
        })
    }
}

/// The default [`StreamPolicy`].
///
/// It is valid as it is, so nothing can be refused.
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
