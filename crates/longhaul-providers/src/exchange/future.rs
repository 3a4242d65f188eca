use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use longhaul::{BoxError, Error};
use pin_project_lite::pin_project;

use super::JoinedBody;

type Exchange<R> = Pin<Box<dyn Future<Output = Result<Response<JoinedBody<R>>, Error>> + Send>>;

pin_project! {
    /// Waits for the answer: the client's own where the call passes, else that of the exchange.
    ///
    /// An exchange is boxed: it lasts minutes, and its shape is nobody's to see.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        Passing { #[pin] inner: F },
        Exchanging { exchange: Exchange<R> },
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) const fn passing(inner: F) -> Self {
        Self {
            state: State::Passing { inner },
        }
    }

    pub(crate) const fn exchanging(exchange: Exchange<R>) -> Self {
        Self {
            state: State::Exchanging { exchange },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<JoinedBody<R>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passing { inner } => inner
                .poll(cx)
                .map_ok(|response| response.map(JoinedBody::passing))
                .map_err(Error::from_inner),
            StateProj::Exchanging { exchange } => exchange.as_mut().poll(cx),
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passing = matches!(self.state, State::Passing { .. });
        f.debug_struct("ResponseFuture")
            .field("passing", &passing)
            .finish_non_exhaustive()
    }
}
