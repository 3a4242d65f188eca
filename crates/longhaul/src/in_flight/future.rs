use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tower_service::Service;

use super::{
    body::{Permit, ResponseBody},
    policy::InFlightPolicy,
};
use crate::{
    attempt::{Attempt, Deadline, after},
    body::ObservedBody,
    error::{BoxError, Error, ErrorKind},
    observe::{Event, Observer, tell},
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
            place: Option<Permit>,
        },
        Done,
    }
}

/// A place, or how long was waited for none. Boxed because tokio does not name the future of a permit.
type Wait = dyn Future<Output = Result<OwnedSemaphorePermit, Duration>> + Send + Sync;

/// A call that waits for its place.
pub(super) struct Queued<S, B> {
    wait: Pin<Box<Wait>>,
    in_flight: usize,
    service: S,
    request: Request<B>,
}

impl<S, B> Queued<S, B> {
    pub(super) fn new(
        places: Arc<Semaphore>,
        policy: &InFlightPolicy,
        service: S,
        request: Request<B>,
    ) -> Self {
        let patience = WaitPolicy {
            limit: policy.queue_timeout,
            deadline: Deadline::of(request.extensions()),
            attempt: request.extensions().get().cloned(),
            observer: request.extensions().get().cloned(),
        };
        Self {
            wait: Box::pin(patience.wait(places, Instant::now())),
            in_flight: policy.max_per_host,
            service,
            request,
        }
    }
}

/// How long a call waits, and who hears of it.
struct WaitPolicy {
    limit: Duration,
    deadline: Option<Deadline>,
    attempt: Option<Attempt>,
    observer: Option<Observer>,
}

impl WaitPolicy {
    /// Waits for one limit; again and again, in the same place of the queue, where an operation's deadline
    /// says how much time there is.
    async fn wait(
        self,
        places: Arc<Semaphore>,
        began: Instant,
    ) -> Result<OwnedSemaphorePermit, Duration> {
        let mut place = pin!(places.acquire_owned());
        let mut expiry = after(began, self.limit);
        loop {
            let attempt = self.attempt.as_ref();
            tell(self.observer.as_ref(), &Event::QueueTimeout { attempt });
            if let Some(deadline) = self.deadline {
                expiry = expiry.min(deadline.instant());
            }
            // `Timeout` polls the place before the clock.
            match timeout_at(expiry, place.as_mut()).await {
                // A place that comes with the deadline is of no use: what would be sent could not end.
                Ok(_)
                    if self
                        .deadline
                        .is_some_and(|deadline| deadline.instant() <= Instant::now()) =>
                {
                    return Err(began.elapsed());
                }
                Ok(place) => return Ok(place.expect("these semaphores are never closed")),
                Err(_)
                    if self
                        .deadline
                        .is_some_and(|deadline| expiry < deadline.instant()) =>
                {
                    expiry = after(expiry, self.limit);
                    if let Some(attempt) = attempt {
                        attempt.waited_for_place();
                    }
                }
                Err(_) => return Err(began.elapsed()),
            }
        }
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
                    let place = match ready!(waiting.wait.as_mut().poll(cx)) {
                        Ok(permit) => Permit::new(permit),
                        Err(limit) => {
                            let in_flight = waiting.in_flight;
                            this.state.set(State::Done);
                            let kind = ErrorKind::QueueTimeout { limit, in_flight };
                            return Poll::Ready(Err(Error::new(kind)));
                        }
                    };
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
            State::Done => "Done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
