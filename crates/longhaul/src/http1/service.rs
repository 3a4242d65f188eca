use super::ForceHttp1Layer;
use crate::config::ConfigError;
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;

use http::{Request, Response, Version};
use tower_service::Service;

use super::{
    future::{Journey, ResponseFuture},
    headers,
    policy::Http1Policy,
    secrets,
};
use crate::{
    attempt::Attempt,
    error::{BoxError, Error},
};

/// Sends requests as HTTP/1.1, checks what came back, and keeps keys off plain http.
///
/// An HTTP/2 connection that breaks takes all its calls with it, and one that dies silently is noticed late; a paid call has a
/// connection of its own. The version is asked for here, and the connector below must offer nothing else: an answer over anything
/// newer passes, and [`Http1Report::mismatch`](super::Http1Report) tells.
#[derive(Clone, Debug)]
pub struct ForceHttp1<S> {
    inner: S,
    policy: Arc<Http1Policy>,
}

impl<S> ForceHttp1<S> {
    /// Keeps to HTTP/1.1 by `policy`, with state of its own: services that share it are made by one [`ForceHttp1Layer`]. Refuses a policy that cannot
    /// work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use http::{Request, Response};
    /// use longhaul::{Error, ErrorKind, error::Insecure, http1::{ForceHttp1, Http1Policy}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let client = service_fn(async |_: Request<()>| Ok::<_, Error>(Response::new(())));
    /// let client = ForceHttp1::new(client, Http1Policy::default())?;
    /// let request = Request::post("http://api.example.com/v1/images").header("x-api-key", "s3cret").body(())?;
    /// let error = client.oneshot(request).await.unwrap_err();
    /// assert_eq!(*error.kind(), ErrorKind::Insecure(Insecure::Key), "nothing was sent");
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: Http1Policy) -> Result<Self, ConfigError> {
        Ok(ForceHttp1Layer::new(policy)?.layer(inner))
    }

    accessors!();

    pub(super) const fn from_parts(inner: S, policy: Arc<Http1Policy>) -> Self {
        Self { inner, policy }
    }
}

impl<S, B, ResBody> Service<Request<B>> for ForceHttp1<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let key_in_clear = match secrets::key_in_clear(&self.policy, &request) {
            Ok(key_in_clear) => key_in_clear,
            Err(error) => return ResponseFuture::refused(error),
        };
        #[cfg(feature = "tracing")]
        if key_in_clear {
            tracing::warn!(
                host = request.uri().host(),
                "an API key leaves over plain http on a public network"
            );
        }

        let forced = self.policy.hosts.contains(request.uri());
        if forced {
            *request.version_mut() = Version::HTTP_11;
            headers::strip(request.headers_mut());
        }
        let attempt = request.extensions().get::<Attempt>().cloned();
        let journey = Journey {
            forced,
            key_in_clear,
        };
        ResponseFuture::calling(self.inner.call(request), journey, attempt)
    }
}
