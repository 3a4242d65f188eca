//! The state machine of an operation: attempts that run, and the next one that waits for its time.
//!
//! Invariants that the rest of the layer relies on:
//!
//! - a future stands before its guard everywhere, so that a drop lets the attempt say first what it knows
//!   (`dropped_at_any_point_each_attempt_has_exactly_one_outcome`);
//! - work is polled before clocks: an answer that is here is never overtaken by a further attempt;
//! - when an attempt ends, whatever was planned beside it is planned anew (`retry/tests/replanning.rs`).

mod ending;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::{
    body::ResponseBody,
    operation::RetryOperation,
    running::{Lateness, RunningAttempt},
};
use crate::{
    attempt::{Expiry, after},
    body::Replay,
    error::{BoxError, Error, ErrorKind},
};

/// How much later than the layers below this one ends what runs: they keep the same deadline, and know more of it.
///
/// Without it, both would end the attempt in the same tick, and which error the caller sees would be chance.
pub(super) const GRACE: Duration = Duration::from_millis(100);

pin_project! {
    /// Makes the attempts of an operation: one after the other, or beside those that are late.
    ///
    /// Dropped, it cancels every attempt that runs: each gets its outcome, and its money is settled by that. What a provider
    /// has begun goes on there.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // The attempt that runs, in place, and what is owed to it. As everywhere, the future stands before
        // its guard, so that it drops first and says what it knows.
        #[pin]
        inner: Option<S::Future>,
        running: Option<RunningAttempt>,
        // Those that were begun while an earlier one was late. Empty, and nothing allocated, without any.
        beside: Vec<Hedged<S::Future>>,
        next: NextAttempt,
        // The operation's deadline, for all that is waited for here.
        expiry: Expiry,
        service: S,
        operation: RetryOperation<B>,
    }
}

/// An attempt that has ended, and what is owed to it.
type Ended<T> = (RunningAttempt, Result<T, Error>);

/// An attempt beside the one in place.
///
/// Boxed: an attempt beside another is rare, and its future must not move once it was polled.
struct Hedged<F> {
    future: Pin<Box<F>>,
    running: RunningAttempt,
}

/// The next attempt, if there is to be one.
#[derive(Debug)]
enum NextAttempt {
    Nothing,
    /// The first attempt, which is not begun.
    Refused(Option<Error>),
    // Boxed: most operations have no wait.
    Waiting {
        sleep: Pin<Box<Sleep>>,
    },
    Readying,
    Done,
}

impl NextAttempt {
    fn after(wait: Duration) -> Self {
        let sleep = Box::pin(sleep(wait));
        Self::Waiting { sleep }
    }
}

/// What became of the next attempt.
enum Begun {
    /// It runs.
    Runs,
    /// It ended before it was begun.
    Ended(RunningAttempt, Error),
    /// It is not begun, and no other will be.
    Refused(Error),
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
    B: Replay,
{
    /// `service` is ready.
    pub(super) fn new(
        mut service: S,
        mut operation: RetryOperation<B>,
        request: Request<B>,
    ) -> Self {
        let (inner, running, next) = match operation.admit_first() {
            Ok(()) => {
                let (request, running) = operation.attempt(request);
                let inner = service.call(request);
                (Some(inner), Some(running), NextAttempt::Nothing)
            }
            Err(error) => (None, None, NextAttempt::Refused(Some(error))),
        };
        Self {
            inner,
            running,
            beside: Vec::new(),
            next,
            expiry: Expiry::after(operation.deadline.now(), GRACE),
            service,
            operation,
        }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            // Work before the clock: an answer that is here is never overtaken by a further attempt.
            let ended = match self.as_mut().poll_running(cx) {
                Some(ended) => ended,
                None => {
                    self.as_mut().notice_late(cx);
                    match self.as_mut().poll_next(cx) {
                        Poll::Ready(Begun::Runs) => continue,
                        Poll::Ready(Begun::Ended(running, error)) => (running, Err(error)),
                        Poll::Ready(Begun::Refused(error)) => {
                            if self.is_running() {
                                continue;
                            }
                            return Poll::Ready(self.finish(Some(error)));
                        }
                        Poll::Pending => {
                            let this = self.as_mut().project();
                            let deadline = this.operation.deadline.now();
                            this.expiry.move_to(after(deadline.instant(), GRACE));
                            ready!(this.expiry.poll_expired(cx));
                            return Poll::Ready(self.expire());
                        }
                    }
                }
            };
            if let Some(result) = self.as_mut().follow(ended) {
                return Poll::Ready(result);
            }
        }
    }
}

impl<S, B, ResBody> ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    /// The first of the running attempts that has ended, the oldest first.
    fn poll_running(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<Response<ResBody>>> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut()
            && let Poll::Ready(answer) = inner.poll(cx)
        {
            this.inner.set(None);
            let running = this.running.take();
            let running = running.expect("what runs is owed something");
            return Some(ended(running, answer));
        }
        for index in 0..this.beside.len() {
            if let Poll::Ready(answer) = this.beside[index].future.as_mut().poll(cx) {
                let Hedged { future, running } = this.beside.remove(index);
                drop(future);
                return Some(ended(running, answer));
            }
        }
        None
    }

    /// An attempt that has become late stays, and asks for another beside it once its request has been out for the
    /// longest silence.
    ///
    /// Asked after each poll of what runs, since the timeout layer below marks the handle and wakes nobody.
    fn notice_late(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        let hedged = this.beside.iter_mut().map(|beside| &mut beside.running);
        for running in this.running.iter_mut().chain(hedged) {
            if running.lateness == Lateness::InTime && running.attempt().is_late() {
                this.operation.note_late(running);
            }
            if running.poll_overdue(cx).is_ready()
                && let Some(wait) = this.operation.judge_overdue(running)
            {
                *this.next = NextAttempt::after(wait);
            }
        }
    }

    /// Makes the next attempt when its time has come; pending where there is to be none.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Begun> {
        let mut this = self.project();
        loop {
            match &mut *this.next {
                NextAttempt::Nothing => return Poll::Pending,
                NextAttempt::Refused(error) => {
                    let error = error.take().expect("a refusal is told once");
                    *this.next = NextAttempt::Nothing;
                    return Poll::Ready(Begun::Refused(error));
                }
                NextAttempt::Waiting { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    *this.next = NextAttempt::Readying;
                }
                NextAttempt::Readying => {
                    let ready = ready!(this.service.poll_ready(cx));
                    *this.next = NextAttempt::Nothing;
                    if let Err(error) = this.operation.admit_next() {
                        return Poll::Ready(Begun::Refused(error));
                    }
                    let request = this.operation.again();
                    let request = request.expect("only what can be sent again is");
                    let (request, running) = this.operation.attempt(request);
                    if let Err(error) = ready {
                        // The service broke between two attempts: one more ending, and not the first.
                        let error = Error::new(ErrorKind::NotStarted).with_source(error);
                        let error = error.with_attempt(running.attempt());
                        return Poll::Ready(Begun::Ended(running, error));
                    }
                    let inner = this.service.call(request);
                    if this.inner.is_none() {
                        this.inner.set(Some(inner));
                        *this.running = Some(running);
                    } else {
                        let future = Box::pin(inner);
                        this.beside.push(Hedged { future, running });
                    }
                    return Poll::Ready(Begun::Runs);
                }
                NextAttempt::Done => panic!("`retry::ResponseFuture` polled after completion"),
            }
        }
    }

    /// Whether any attempt runs.
    const fn is_running(&self) -> bool {
        self.running.is_some() || !self.beside.is_empty()
    }

    /// Whether an attempt runs that no other is to be made beside.
    fn has_one_in_time(&self) -> bool {
        let hedged = self.beside.iter().map(|beside| &beside.running);
        let mut running = self.running.iter().chain(hedged);
        running.any(|running| !running.is_overdue())
    }
}

fn ended<T, E: Into<BoxError>>(running: RunningAttempt, answer: Result<T, E>) -> Ended<T> {
    let answer = answer.map_err(|error| {
        let error = Error::from_inner(error);
        match error.kind() {
            // What was not begun is no attempt.
            ErrorKind::NotBegun { .. } => error,
            _ => error.with_attempt(running.attempt()),
        }
    });
    (running, answer)
}
