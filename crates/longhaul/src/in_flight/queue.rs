//! A call that waits for its place.
//!
//! Fairness is tokio's semaphore's: permits are given in the order in which they were first polled for. So the wait is one
//! future that is never made anew: a call that gave up its place in the queue at each expiry would be overtaken by all
//! others.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Request;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tower_service::Service;

use super::{body::Permit, policy::InFlightPolicy};
use crate::{
    attempt::{Admission, Attempt, Expiry, Pause, after},
    error::{BoxError, Error, ErrorKind},
    observe::{Event, Observer, tell},
};

/// A place, or how long was waited for none. Boxed because tokio does not name the future of a permit.
type Wait = dyn Future<Output = Result<OwnedSemaphorePermit, Duration>> + Send + Sync;

/// A call that waits for its place, and then for the service below.
pub(super) struct Queued<S, B> {
    wait: Pin<Box<Wait>>,
    /// Until it has its place: a default deadline stands still.
    pause: Option<Pause>,
    /// Once it has its place.
    place: Option<Permit>,
    in_flight: usize,
    /// Not readied before there is a place: what it holds when it is ready, others could use.
    service: S,
    request: Request<B>,
    admission: Option<Admission>,
    /// For the service below.
    expiry: Expiry,
}

impl<S, B> Queued<S, B> {
    pub(super) fn new(
        places: Arc<Semaphore>,
        policy: &InFlightPolicy,
        service: S,
        request: Request<B>,
    ) -> Self {
        let admission = Admission::of(request.extensions());
        let patience = WaitPolicy {
            limit: policy.queue_timeout,
            admission: admission.clone(),
            attempt: request.extensions().get().cloned(),
            observer: request.extensions().get().cloned(),
        };
        Self {
            wait: Box::pin(patience.wait(places, Instant::now())),
            pause: admission.as_ref().map(|it| it.deadline().pause()),
            place: None,
            in_flight: policy.max_per_host,
            service,
            request,
            expiry: Expiry::new(None),
            admission,
        }
    }

    /// Ready with a place, once the service below is ready too and the call may still begin.
    pub(super) fn poll<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Error>>
    where
        S: Service<Request<B>, Response = R>,
        S::Error: Into<BoxError>,
    {
        if self.place.is_none() {
            match ready!(self.wait.as_mut().poll(cx)) {
                Ok(permit) => {
                    self.pause = None;
                    let deadline = self.admission.as_ref().map(|it| it.deadline().now());
                    self.expiry = Expiry::new(deadline);
                    let attempt = self.request.extensions().get();
                    self.place = Some(Permit::new(permit, attempt));
                }
                Err(limit) => return Poll::Ready(Err(self.no_place(limit))),
            }
        }
        match self.service.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::from_inner(error))),
            // Asked after it, so that readiness that comes with the deadline is refused by the admission.
            Poll::Pending => ready!(self.expiry.poll_expired(cx)),
        }
        let place = self.place.take();
        Poll::Ready(match admit(self.admission.as_ref()) {
            Ok(()) => Ok(place.expect("it was there, or came, a few lines above")),
            Err(error) => Err(error),
        })
    }

    pub(super) fn into_parts(self) -> (S, Request<B>) {
        (self.service, self.request)
    }

    /// There was no place in time; where a deadline is why, nothing could begin any more.
    ///
    /// Two errors for two readers: alone, the layer reports its own limit; below a deadline, the reason is the deadline.
    fn no_place(&self, limit: Duration) -> Error {
        let in_flight = self.in_flight;
        let error = Error::new(ErrorKind::QueueTimeout { limit, in_flight });
        match &self.admission {
            Some(admission) => {
                Error::not_begun(admission.refusal(Instant::now())).with_source(error)
            }
            None => error,
        }
    }
}

/// Whether the call may begin now, after all waiting.
pub(super) fn admit(admission: Option<&Admission>) -> Result<(), Error> {
    let Some(admission) = admission else {
        return Ok(());
    };
    match admission.ask(Instant::now()) {
        Ok(_) => Ok(()),
        Err(decision) => Err(Error::not_begun(decision)),
    }
}

/// How long a call waits, and who hears of it.
struct WaitPolicy {
    limit: Duration,
    admission: Option<Admission>,
    attempt: Option<Attempt>,
    observer: Option<Observer>,
}

impl WaitPolicy {
    /// Waits for one limit; again and again, in the same place of the queue, where there is an operation: until a picture
    /// could hardly be done in what is left of the deadline that was set for it, if there is one.
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
            let last = self.admission.as_ref().map(Admission::last_moment);
            let until = last.map_or(expiry, |last| expiry.min(last));
            // `Timeout` polls the place before the clock.
            if let Ok(place) = timeout_at(until, place.as_mut()).await {
                return Ok(place.expect("these semaphores are never closed"));
            }
            let Some(admission) = &self.admission else {
                return Err(began.elapsed());
            };
            let now = Instant::now();
            if last.is_some_and(|last| last <= now) || admission.ask(now).is_err() {
                return Err(began.elapsed());
            }
            expiry = after(expiry, self.limit);
            if let Some(attempt) = attempt {
                attempt.waited_for_place();
            }
        }
    }
}
