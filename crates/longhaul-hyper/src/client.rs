use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response, Version};
use http_body::Body;
use hyper_util::client::legacy::{self, connect::capture_connection};
use longhaul::{Attempt, BoxError, Error};
use tower_service::Service;

use crate::{
    body::ResponseBody,
    builder::Builder,
    connector::Connector,
    future::ResponseFuture,
    settings::{HttpVersion, Settings},
};

/// An HTTP client for calls that take minutes. See the [crate](crate).
///
/// Cheap to clone; clones share the pool.
///
/// It is always ready: a limit of calls in flight is a layer's to keep. It must be called inside a
/// tokio runtime with time and I/O enabled, which runs the connections.
pub struct Client<B> {
    inner: legacy::Client<Connector, B>,
    settings: Settings,
}

impl Client<()> {
    /// A builder with the defaults; the body type is chosen at its `build`.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<B> Client<B> {
    pub(crate) fn new(inner: legacy::Client<Connector, B>, settings: Settings) -> Self {
        Self { inner, settings }
    }

    /// The numbers that it was built with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl<B> Service<Request<B>> for Client<B>
where
    B: Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // hyper-util refuses a request that says HTTP/2, as a gateway's do, on an HTTP/1.1 connection.
        if self.settings.http_version == HttpVersion::Http1Only
            && request.version() > Version::HTTP_11
        {
            *request.version_mut() = Version::HTTP_11;
        }
        let attempt = request.extensions().get::<Attempt>().cloned();
        if let Some(attempt) = &attempt {
            attempt.connecting();
        }
        let captured = capture_connection(&mut request);
        ResponseFuture::new(self.inner.call(request), captured, attempt)
    }
}

// Not derived: that would ask for `B: Clone`.
impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl<B> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
