//! One `Line` for each call, made before the call begins: it holds the `Progress` by which the call tells what was
//! sent.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{HeartbeatPolicy, ResponseBody, future::ResponseFuture, line::Line};
use crate::core::{BoxError, Error};

/// Keeps the caller's line open over a call that was sent.
///
/// Over a call of which nothing was sent it stays silent, so that a refusal keeps its status. See the [module](super).
///
/// `S` may be any service whose bodies are `Unpin`; what it does not tell of itself through
/// [`Progress`](crate::progress::Progress) is taken for not sent, and refused when the silence has lasted. Its errors
/// in time stay errors; those that come after the first sign of life are told in the body.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat<S> {
    inner: S,
    policy: HeartbeatPolicy,
}

impl<S> Heartbeat<S> {
    /// Over `inner`, by `policy`.
    ///
    /// [`HeartbeatLayer`](super::HeartbeatLayer) does the same in a `ServiceBuilder`.
    pub const fn new(inner: S, policy: HeartbeatPolicy) -> Self {
        Self { inner, policy }
    }
}

impl<S, B, ResBody> Service<Request<B>> for Heartbeat<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes> + Unpin,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<S::Future, ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let line = Line::of(self.policy, &mut request);
        ResponseFuture::new(self.inner.call(request), line)
    }
}
