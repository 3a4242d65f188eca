use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::Http1Policy, service::ForceHttp1};
use crate::config::ConfigError;

/// Makes [`ForceHttp1`] services.
///
/// ```
/// use longhaul::http1::{ForceHttp1Layer, Http1Policy, HttpScope};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut policy = Http1Policy::default();
/// policy.scope = HttpScope::Vpn;
/// let client = ForceHttp1Layer::new(policy)?.layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ForceHttp1Layer {
    policy: Arc<Http1Policy>,
}

impl ForceHttp1Layer {
    /// HTTP/1.1 and secrets by `policy`; refuses one that cannot mean what it says.
    pub fn new(policy: Http1Policy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            policy: Arc::new(policy),
        })
    }
}

impl<S> Layer<S> for ForceHttp1Layer {
    type Service = ForceHttp1<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ForceHttp1::from_parts(inner, self.policy.clone())
    }
}
