use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use longhaul::Error;

use crate::body::ResponseBody;

type Answer = Result<Response<ResponseBody>, Error>;

/// The answer to come.
///
/// Boxed inside, since the future of hyper's own sender has no name. While it is polled, its connection
/// writes and reads; dropped, its connection is closed, and not a byte more is written.
///
/// # Panics
///
/// When polled again after it was ready.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl ResponseFuture {
    pub(crate) fn new(call: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self(Box::pin(call))
    }
}

impl Future for ResponseFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
