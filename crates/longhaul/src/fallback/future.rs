//! One target after the other, never two at once: a target is asked because another has said no, and a hedge between
//! providers would pay both.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::operation::{FallbackOperation, Step};
use crate::{
    attempt::{Deadline, Expiry},
    body::Replay,
    error::{BoxError, Error, ErrorKind},
    model::Decision,
};

pin_project! {
    /// Asks one target after the other.
    ///
    /// Panics if polled after completion.
    ///
    /// Dropped, it drops the call at the target that is asked, which then has its outcome; no other is asked.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        // Before the rest, so that it drops first and says what it knows.
        #[pin]
        state: State<S::Future, Request<B>>,
        // `None` while fallback is off.
        asking: Option<Box<Asking<S, R>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, Q> {
        Calling { #[pin] inner: F },
        Readying { request: Option<Q>, expiry: Expiry },
        Done,
    }
}

struct Asking<S, R> {
    service: S,
    operation: FallbackOperation<R>,
}

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    pub(super) fn passing(inner: S::Future) -> Self {
        Self {
            state: State::Calling { inner },
            asking: None,
        }
    }

    /// `service` is ready.
    pub(super) fn new(
        mut service: S,
        operation: FallbackOperation<R>,
        request: Request<B>,
    ) -> Self {
        let inner = service.call(request);
        Self {
            state: State::Calling { inner },
            asking: Some(Box::new(Asking { service, operation })),
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Replay + From<Bytes>,
{
    type Output = Result<Response<R>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let result = match this.state.as_mut().project() {
                StateProj::Calling { inner } => ready!(inner.poll(cx)).map_err(Error::from_inner),
                StateProj::Readying { request, expiry } => {
                    let asking = this.asking.as_mut().expect("it goes on while it is on");
                    match asking.service.poll_ready(cx) {
                        Poll::Pending => {
                            ready!(expiry.poll_expired(cx));
                            Err(Error::not_begun(Decision::DEADLINE_PASSED))
                        }
                        Poll::Ready(Ok(())) => {
                            let request = request.take().expect("it is called once");
                            let inner = asking.service.call(request);
                            this.state.set(State::Calling { inner });
                            continue;
                        }
                        Poll::Ready(Err(error)) => {
                            Err(Error::new(ErrorKind::NotStarted).with_source(error))
                        }
                    }
                }
                StateProj::Done => panic!("`fallback::ResponseFuture` polled after completion"),
            };
            let step = match this.asking {
                Some(asking) => asking.operation.next(result),
                None => Step::Settle(result),
            };
            match step {
                Step::Ask(request) => this.state.set(State::Readying {
                    expiry: Expiry::new(Deadline::of(request.extensions())),
                    request: Some(request),
                }),
                Step::Settle(result) => {
                    this.state.set(State::Done);
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("on", &self.asking.is_some())
            .finish_non_exhaustive()
    }
}
