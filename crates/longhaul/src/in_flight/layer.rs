use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::InFlightPolicy, semaphores::HostSemaphores, service::InFlight};
use crate::config::ConfigError;

/// Makes [`InFlight`] services, which all share their places.
///
/// ```
/// use longhaul::in_flight::{InFlightLayer, InFlightPolicy};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut policy = InFlightPolicy::default();
/// policy.max_per_host = 40;
/// let layer = InFlightLayer::new(policy)?;
/// let client = layer.layer(client);
/// println!("{} calls are in flight", layer.taken());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct InFlightLayer {
    places: Arc<HostSemaphores>,
}

impl InFlightLayer {
    /// As many places for each host as `policy` says; refuses one that cannot work.
    pub fn new(policy: InFlightPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            places: Arc::new(HostSemaphores::new(policy)),
        })
    }

    /// How many places are taken now, all hosts and all services of this layer together: 0 once every call
    /// and every body has ended or was dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Error, in_flight::InFlightLayer};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let layer = InFlightLayer::default();
    /// let client = layer.layer(service_fn(async |_: Request<()>| {
    ///     Ok::<_, Error>(Response::new(Full::<Bytes>::from("a picture")))
    /// }));
    /// let answer = client.oneshot(Request::get("https://api.example.com/").body(())?).await?;
    /// assert_eq!(layer.taken(), 1, "the body has not been read");
    /// drop(answer);
    /// assert_eq!(layer.taken(), 0);
    /// # Ok(()) }
    /// ```
    pub fn taken(&self) -> usize {
        self.places.taken()
    }
}

impl Default for InFlightLayer {
    fn default() -> Self {
        Self {
            places: Arc::new(HostSemaphores::new(InFlightPolicy::default())),
        }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InFlight::from_parts(inner, self.places.clone())
    }
}
