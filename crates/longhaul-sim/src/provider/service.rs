//! The provider as a service.
//!
//! It is always ready, and takes any body. Everything is in the future, which is boxed: a simulator need not be fast.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{Provider, call};
use crate::{Body, SimError};

impl<B> Service<Request<B>> for Provider
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = SimError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture {
            inner: Box::pin(call::handle(self.clone(), request)),
        }
    }
}

/// The answer to come. Nothing happens before it is polled.
///
/// Dropped, it is a client that leaves: the entry says so, and work that has begun is charged.
///
/// ```
/// use longhaul_sim::Provider;
/// use tower::Service;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut provider = Provider::default();
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// drop(provider.call(request));
/// assert_eq!(provider.oracle().totals().requests, 0, "it was never polled, and so never received");
/// # Ok(()) }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<Response<Body>, SimError>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, SimError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
