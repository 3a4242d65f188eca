//! The future of both layers: the client's own, or that of an exchange.
//!
//! It is named, so that a stack of layers can be written down as a type. The exchange within it is boxed: it is an
//! `async fn` of many awaits, and a box costs one allocation for a call that lasts minutes. A call that passes is not
//! boxed.

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

/// What an exchange is: it owns everything that it needs, so that it can be moved to another task with its caller's
/// future.
type Exchange<R> = Pin<Box<dyn Future<Output = Result<Response<JoinedBody<R>>, Error>> + Send>>;

pin_project! {
    /// Waits for the answer: the client's own where the call passes, else that of the exchange.
    ///
    /// An exchange is boxed: it lasts minutes, and its shape is nobody's to see.
    ///
    /// Dropping it ends the call as its caller leaving does. A request that was sent stays sent: of a task the handle
    /// stays open and the next call with the same idempotency key collects it (see
    /// [`SubmitAndPoll`](crate::tasks::SubmitAndPoll)); of a stream, or of a call that passes, the client's own future
    /// is dropped, and what the provider charges for it is written down by the layers above.
    ///
    /// `Debug` tells whether the call passed:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), longhaul::Error> {
    /// use longhaul_providers::tasks::SubmitAndPollLayer;
    /// use longhaul_sim::Provider;
    /// use tower::{Layer, Service};
    ///
    /// let provider = Provider::builder().build().unwrap();
    /// let mut client = SubmitAndPollLayer::default().layer(provider.clone());
    /// // No policy names this host, so that the call passes as it is.
    /// let request = http::Request::post("http://sim.test/v1/images/generations")
    ///     .body(http_body_util::Full::from(r#"{ "prompt": "a cat" }"#))
    ///     .unwrap();
    /// let future = client.call(request);
    /// assert!(format!("{future:?}").contains("passing: true"));
    /// assert_eq!(future.await?.status(), 200);
    /// # Ok(()) }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    /// Which of the two it is; decided when the call is made, and never changed.
    #[project = StateProj]
    enum State<F, R> {
        Passing { #[pin] inner: F },
        Exchanging { exchange: Exchange<R> },
    }
}

impl<F, R> ResponseFuture<F, R> {
    /// Of a call that no plan was made for. The response is wrapped, and its body handed on frame by frame.
    pub(crate) const fn passing(inner: F) -> Self {
        Self {
            state: State::Passing { inner },
        }
    }

    /// Of a call that is made into others.
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
