//! The order in one poll: the call, then the clock, then the error. The inner future is dropped before the error is made,
//! since only then is what was sent final.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use super::{
    alarm::Alarm,
    clocks::Clocks,
    response_body::{ClockedBody, ResponseBody},
};
use crate::{
    body::ObservedBody,
    error::{AttemptGuard, BoxError, Clock, Error},
    model::Resolution,
};

pin_project! {
    /// Waits for the head, under the clocks of its phases.
    ///
    /// Dropped before its end, it cancels the attempt, where this layer made it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Before the guard, so that it drops first and says what it knows. `None` once a clock ended it.
        #[pin]
        inner: Option<F>,
        #[pin]
        sleep: Sleep,
        clocks: Clocks,
        alarm: Alarm,
        resolution: Resolution,
        // Whether it goes on, late, at the limit by size.
        late: bool,
        // `None` once done.
        guard: Option<AttemptGuard>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(
        inner: F,
        clocks: Clocks,
        resolution: Resolution,
        late: bool,
        guard: AttemptGuard,
    ) -> Self {
        Self {
            inner: Some(inner),
            sleep: sleep_until(clocks.first_look()),
            clocks,
            alarm: Alarm::default(),
            resolution,
            late,
            guard: Some(guard),
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Error: Into<BoxError>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const FINISHED: &str = "`timeout::ResponseFuture` polled after completion";
        let mut this = self.project();
        let guard = this.guard.as_mut().expect(FINISHED);

        // The work before the clock: an answer that is here is never thrown away.
        let inner = this.inner.as_mut().as_pin_mut().expect(FINISHED);
        let error = match inner.poll(cx) {
            Poll::Ready(Ok(mut response)) => {
                guard.answered(&mut response);
                let attempt = guard.attempt().clone();
                let guard = this.guard.take().expect("taken once, above it was there");
                let (clocks, late, resolution) = (*this.clocks, *this.late, *this.resolution);
                return Poll::Ready(Ok(response.map(|inner| {
                    let body = ClockedBody::new(inner, clocks, late, resolution, attempt);
                    ResponseBody::new(ObservedBody::new(body, guard))
                })));
            }
            Poll::Ready(Err(error)) => Error::from_inner(error),
            Poll::Pending => {
                let attempt = guard.attempt();
                let limit = loop {
                    let clocks = &*this.clocks;
                    let next = |now| clocks.until_head(attempt, now);
                    let limit = ready!(this.alarm.poll_expired(this.sleep.as_mut(), cx, next));
                    if !(*this.late && limit.clock == Clock::Picture) {
                        break limit;
                    }
                    // The layer above looks at the handle after this poll.
                    attempt.mark_late();
                    this.clocks.without_picture_limit();
                    *this.alarm = Alarm::default();
                };
                // What was sent is proved for good only when nothing can be sent any more.
                this.inner.set(None);
                limit.expired(*this.resolution)
            }
        };
        let error = error.with_attempt(guard.attempt());
        guard.fail(&error);
        *this.guard = None;
        Poll::Ready(Err(error))
    }
}
