use super::{ClassifyingRetryLayer, RetryPolicy};
use crate::config::ConfigError;
use std::{
    mem,
    task::{Context, Poll},
};
use tower_layer::Layer;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{body::ResponseBody, future::ResponseFuture, layer::Shared, operation::RetryOperation};
use crate::{
    body::Replay,
    error::{BoxError, Error},
};

/// Sends again, where that helps and is allowed. See the [module](super).
///
/// Without [`Classify`](crate::classify::Classify) below it goes by statuses and errors alone: see what a layer does without its
/// neighbours, in the [crate's documentation](crate).
#[derive(Clone, Debug)]
pub struct ClassifyingRetry<S> {
    inner: S,
    shared: Shared,
}

impl<S> ClassifyingRetry<S> {
    /// Sends again by `policy`, with state of its own: services that share it are made by one [`ClassifyingRetryLayer`]. Refuses a policy that cannot
    /// work.
    pub fn new(inner: S, policy: RetryPolicy) -> Result<Self, ConfigError> {
        Ok(ClassifyingRetryLayer::new(policy)?.layer(inner))
    }

    accessors!();

    pub(super) const fn with_policy(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, ResBody> Service<Request<B>> for ClassifyingRetry<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The readied service goes into the future; its clone gets ready anew.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let (operation, request) = RetryOperation::begin(request, &self.shared);
        ResponseFuture::new(ready, operation, request)
    }
}
