//! Two ways: a call whose callers another layer counts is polled where it is, and this layer decides only when it
//! ends. A call that nobody watches gets a task of its own, since a future that a server drops can keep nothing
//! alive.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    DetachLayer, EndsWithCaller, ResponseBody,
    future::{ResponseFuture, Run, pump},
};
use crate::{
    core::{BoxError, Error},
    progress::Progress,
};

/// Lets a call that may be charged run on when its caller leaves.
///
/// Alone it runs each call on a task of its own, so that nothing of it is polled by whoever may be gone. See the [module](super).
///
/// A call on a task reads the answer one frame ahead of its caller, so that a slow caller still slows the provider
/// down. When the caller leaves, the rest is read and thrown away; where it was held is
/// [`IdempotentReplay`](crate::replay)'s matter.
///
/// Without a stack below, nothing is known to be sent: each call then ends with its caller.
#[derive(Clone, Debug)]
pub struct Detach<S> {
    inner: S,
    layer: DetachLayer,
}

impl<S> Detach<S> {
    pub(super) const fn new(inner: S, layer: DetachLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, B, ResBody> Service<Request<B>> for Detach<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send + 'static,
    ResBody: Body<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let progress = Progress::enter(request.extensions_mut());
        let ends = request.extensions().get::<EndsWithCaller>().is_some();
        let run = Run::new(self.inner.call(request), progress.clone(), ends);
        if progress.is_watched() || ends {
            return ResponseFuture::inline(run);
        }
        let presence = progress.join();
        let (answer, answered) = tokio::sync::oneshot::channel();
        // No layer above knows its callers.
        self.layer.spawn(pump(run, answer));
        ResponseFuture::spawned(answered, presence)
    }
}
