//! A call that found a place goes on at once and allocates nothing for the queue; one that waits keeps its request and a
//! service that was not readied.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::{Permit, ResponseBody},
    queue::Queued,
};
use crate::{
    attempt::Attempt,
    body::ObservedBody,
    error::{BoxError, Error},
};

pin_project! {
    /// Waits for a place, if there was none, and then for the head.
    ///
    /// Dropped in the queue, it leaves the queue and was never sent. Dropped later, its connection is given up before its
    /// place goes to the next call.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F, B> {
        #[pin]
        state: State<S, F, B>,
        attempt: Option<Attempt>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Waiting {
            // `None` only if the service below panics when called.
            queued: Option<Box<Queued<S, B>>>,
        },
        Calling {
            // Before the place, so that the connection is gone when the next call comes.
            #[pin]
            inner: F,
            place: Option<Permit>,
        },
        // It may not begin any more.
        Refused {
            error: Option<Error>,
        },
        Done,
    }
}

impl<S, F, B> ResponseFuture<S, F, B> {
    pub(super) const fn calling(inner: F, place: Permit, attempt: Option<Attempt>) -> Self {
        Self {
            state: State::Calling {
                inner,
                place: Some(place),
            },
            attempt,
        }
    }

    pub(super) const fn refused(error: Error, attempt: Option<Attempt>) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
            attempt,
        }
    }

    /// A queued attempt is marked as unsent from the start, so that a drop in the queue costs nothing.
    pub(super) fn waiting(queued: Queued<S, B>, attempt: Option<Attempt>) -> Self {
        if let Some(attempt) = &attempt {
            attempt.queued();
        }
        Self {
            state: State::Waiting {
                queued: Some(Box::new(queued)),
            },
            attempt,
        }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body,
{
    type Output = Result<Response<ResponseBody<ResBody>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const FINISHED: &str = "`in_flight::ResponseFuture` polled after completion";
        let mut this = self.project();
        loop {
            let (result, mut place) = match this.state.as_mut().project() {
                StateProj::Waiting { queued } => {
                    let waiting = queued.as_mut().expect(FINISHED);
                    let place = match ready!(waiting.poll(cx)) {
                        Ok(place) => Some(place),
                        Err(error) => {
                            this.state.set(State::Done);
                            return Poll::Ready(Err(error));
                        }
                    };
                    // The wait was not the provider's time.
                    if let Some(attempt) = this.attempt {
                        attempt.restart();
                    }
                    let (mut service, request) = queued.take().expect(FINISHED).into_parts();
                    let inner = service.call(request);
                    this.state.set(State::Calling { inner, place });
                    continue;
                }
                StateProj::Refused { error } => {
                    let error = error.take().expect(FINISHED);
                    this.state.set(State::Done);
                    return Poll::Ready(Err(error));
                }
                StateProj::Calling { inner, place } => {
                    let result = ready!(inner.poll(cx));
                    (result, place.take().expect(FINISHED))
                }
                StateProj::Done => panic!("{FINISHED}"),
            };
            this.state.set(State::Done);

            let response = result.map_err(Error::from_inner)?;
            // Without a layer above that made the handle, one below may have.
            let attempt = this
                .attempt
                .as_ref()
                .or_else(|| response.extensions().get());
            if attempt.is_some_and(|attempt| attempt.outcome_now().is_some()) {
                place.give_back();
            }
            return Poll::Ready(Ok(
                response.map(|body| ResponseBody::new(ObservedBody::new(body, place)))
            ));
        }
    }
}

impl<S, F, B> fmt::Debug for ResponseFuture<S, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "Waiting",
            State::Calling { .. } => "Calling",
            State::Refused { .. } => "Refused",
            State::Done => "Done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
