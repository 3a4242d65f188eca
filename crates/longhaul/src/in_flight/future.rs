use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::{Instant, error::Elapsed, timeout_at},
};
use tower_service::Service;

use super::{
    body::{Place, ResponseBody},
    policy::InFlightPolicy,
};
use crate::{
    attempt::{Attempt, Deadline},
    body::WatchedBody,
    error::{BoxError, Error, ErrorKind},
};

pin_project! {
    /// Waits for a place, if there was none, and then for the head.
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
            place: Option<Place>,
        },
        Done,
    }
}

/// A place, or the end of the wait. Boxed because tokio does not name the future of a permit.
type Wait =
    dyn Future<Output = Result<Result<OwnedSemaphorePermit, AcquireError>, Elapsed>> + Send + Sync;

/// A call that waits for its place.
pub(super) struct Queued<S, B> {
    wait: Pin<Box<Wait>>,
    limit: Duration,
    in_flight: usize,
    service: S,
    request: Request<B>,
}

impl<S, B> Queued<S, B> {
    /// Waits from now on, but not past the operation's deadline.
    pub(super) fn new(
        places: Arc<Semaphore>,
        policy: &InFlightPolicy,
        service: S,
        request: Request<B>,
    ) -> Self {
        let limit = match request.extensions().get::<Deadline>() {
            Some(deadline) => {
                let left = deadline.instant().saturating_duration_since(Instant::now());
                policy.wait.min(left)
            }
            None => policy.wait,
        };
        // `Timeout` polls the place before the clock.
        let wait = timeout_at(Deadline::after(limit).instant(), places.acquire_owned());
        Self {
            wait: Box::pin(wait),
            limit,
            in_flight: policy.per_host,
            service,
            request,
        }
    }

    fn no_place(&self) -> Error {
        Error::new(ErrorKind::NoPlace {
            limit: self.limit,
            in_flight: self.in_flight,
        })
    }
}

impl<S, F, B> ResponseFuture<S, F, B> {
    pub(super) const fn calling(inner: F, place: Place, attempt: Option<Attempt>) -> Self {
        Self {
            state: State::Calling {
                inner,
                place: Some(place),
            },
            attempt,
        }
    }

    pub(super) fn waiting(queued: Queued<S, B>, attempt: Option<Attempt>) -> Self {
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
                    let Ok(permit) = ready!(waiting.wait.as_mut().poll(cx)) else {
                        let error = waiting.no_place();
                        this.state.set(State::Done);
                        return Poll::Ready(Err(error));
                    };
                    let place = Place::new(permit.expect("these semaphores are never closed"));
                    // The wait was not the provider's time.
                    if let Some(attempt) = this.attempt {
                        attempt.restart();
                    }
                    let mut ready = *queued.take().expect(FINISHED);
                    let inner = ready.service.call(ready.request);
                    let place = Some(place);
                    this.state.set(State::Calling { inner, place });
                    continue;
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
            return Poll::Ready(Ok(response.map(|body| WatchedBody::new(body, place))));
        }
    }
}

impl<S, F, B> fmt::Debug for ResponseFuture<S, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "Waiting",
            State::Calling { .. } => "Calling",
            State::Done => "Done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
