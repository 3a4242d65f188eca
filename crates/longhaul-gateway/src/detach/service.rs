use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::{
    EndsWithCaller, ResponseBody,
    future::{ResponseFuture, Run, pump},
};
use crate::{
    core::{BoxError, Error},
    progress::Progress,
};

/// Lets a call that may be charged run on when its caller leaves.
#[derive(Clone, Debug)]
pub struct Detach<S> {
    inner: S,
    tasks: TaskTracker,
}

impl<S> Detach<S> {
    /// Around `inner`; calls without a layer above that knows their callers run on `tasks`.
    pub const fn new(inner: S, tasks: TaskTracker) -> Self {
        Self { inner, tasks }
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
        self.tasks.spawn(pump(run, answer));
        ResponseFuture::spawned(answered, presence)
    }
}
