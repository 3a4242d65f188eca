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
    body::ResponseBody, decide::Next, endings::RejectedResult, operation::Operation,
    running::Running,
};
use crate::{
    body::Replay,
    error::{BoxError, Error, ErrorKind},
    model::{Class, class_of},
};

pin_project! {
    /// Makes the attempts of an operation: one after the other, or beside those that are late.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // The attempt that runs, in place, and what is owed to it. As everywhere, the future stands before
        // its guard, so that it drops first and says what it knows.
        #[pin]
        inner: Option<S::Future>,
        running: Option<Running>,
        // Those that were begun while an earlier one was late. Empty, and nothing allocated, without any.
        beside: Vec<Hedged<S::Future>>,
        coming: NextAttempt,
        service: S,
        operation: Operation<B>,
    }
}

/// An attempt that has ended, and what is owed to it.
type Ended<T> = (Running, Result<T, Error>);

/// An attempt beside the one in place.
struct Hedged<F> {
    future: Pin<Box<F>>,
    running: Running,
}

/// The next attempt, if there is to be one.
#[derive(Debug)]
enum NextAttempt {
    Nothing,
    // The first attempt, which must not be sent.
    Refused {
        ended: Option<Box<(Running, Error)>>,
    },
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

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
    B: Replay,
{
    /// `service` is ready.
    pub(super) fn new(mut service: S, mut operation: Operation<B>, request: Request<B>) -> Self {
        let (inner, running, coming) = match operation.admit() {
            Ok(()) => {
                let (request, running) = operation.attempt(request);
                let inner = service.call(request);
                (Some(inner), Some(running), NextAttempt::Nothing)
            }
            Err(error) => {
                let ended = Some(Box::new((operation.next_attempt(&request), error)));
                (None, None, NextAttempt::Refused { ended })
            }
        };
        Self {
            inner,
            running,
            beside: Vec::new(),
            coming,
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
            let (mut running, ending) = match self.as_mut().poll_running(cx) {
                Some(ended) => ended,
                None => {
                    self.as_mut().notice_late();
                    match ready!(self.as_mut().poll_coming(cx)) {
                        Some((running, error)) => ended(running, Err(error)),
                        None => continue,
                    }
                }
            };
            let ahead = self.is_ahead();
            let this = self.as_mut().project();
            let operation = this.operation;
            let next = match &ending {
                Ok(response) => operation.judge_answer(&mut running, response, ahead),
                Err(error) => operation.judge_error(&mut running, error, ahead),
            };
            match next {
                Next::Again(wait) => {
                    operation.keep(running, ending);
                    *this.coming = NextAttempt::after(wait);
                }
                Next::KeepWaiting => operation.keep(running, ending),
                Next::Stop if this.running.is_some() || !this.beside.is_empty() => {
                    // What is late, or just begun, may still bring the picture.
                    operation.call_off();
                    *this.coming = NextAttempt::Nothing;
                    operation.keep(running, ending);
                }
                Next::Stop | Next::Done => {
                    self.as_mut().supersede();
                    let this = self.project();
                    return Poll::Ready(settle(this.operation, running, ending));
                }
            }
        }
    }
}

impl<S, B, ResBody> ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    B: Replay,
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

    /// An attempt that has become late stays, and asks for another beside it.
    fn notice_late(mut self: Pin<&mut Self>) {
        let this = self.as_mut().project();
        let beside = this.beside.iter_mut().map(|beside| &mut beside.running);
        let late = this
            .running
            .iter_mut()
            .chain(beside)
            .find(|running| !running.late && running.attempt().is_late());
        let Some(late) = late else { return };
        if let Some(wait) = this.operation.judge_late(late) {
            *this.coming = NextAttempt::after(wait);
        }
    }

    /// Makes the next attempt when its time has come; pending where there is to be none. `Some` where it
    /// ended before it was begun.
    fn poll_coming(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<(Running, Error)>> {
        let mut this = self.project();
        loop {
            match &mut *this.coming {
                NextAttempt::Nothing => return Poll::Pending,
                NextAttempt::Refused { ended } => {
                    let ended = ended.take().expect("a refusal is told once");
                    *this.coming = NextAttempt::Nothing;
                    return Poll::Ready(Some(*ended));
                }
                NextAttempt::Waiting { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    *this.coming = NextAttempt::Readying;
                }
                NextAttempt::Readying => {
                    let ready = ready!(this.service.poll_ready(cx));
                    *this.coming = NextAttempt::Nothing;
                    let request = this.operation.again();
                    let request = request.expect("only what can be sent again is");
                    let (request, running) = this.operation.attempt(request);
                    if let Err(error) = ready {
                        // The service broke between two attempts: one more ending, and not the first.
                        let error = Error::new(ErrorKind::NotStarted).with_source(error);
                        return Poll::Ready(Some((running, error)));
                    }
                    let inner = this.service.call(request);
                    if this.inner.is_none() {
                        this.inner.set(Some(inner));
                        *this.running = Some(running);
                    } else {
                        let future = Box::pin(inner);
                        this.beside.push(Hedged { future, running });
                    }
                    return Poll::Ready(None);
                }
                NextAttempt::Done => panic!("`retry::ResponseFuture` polled after completion"),
            }
        }
    }

    /// Whether an attempt runs that is not late, or will be made.
    fn is_ahead(&self) -> bool {
        let beside = self.beside.iter().map(|beside| &beside.running);
        let mut running = self.running.iter().chain(beside);
        !matches!(self.coming, NextAttempt::Nothing) || running.any(|running| !running.late)
    }

    /// Another attempt was first, or none will be: what still runs is given up, and said to be.
    fn supersede(self: Pin<&mut Self>) {
        let mut this = self.project();
        let beside = this.beside.iter().map(|beside| &beside.running);
        for running in this.running.iter().chain(beside) {
            running.attempt().supersede();
        }
        this.inner.set(None);
        *this.running = None;
        this.beside.clear();
        this.operation.call_off();
        *this.coming = NextAttempt::Done;
    }
}

fn ended<T, E: Into<BoxError>>(running: Running, answer: Result<T, E>) -> Ended<T> {
    let answer = answer.map_err(|error| Error::from_inner(error).with_attempt(running.attempt()));
    (running, answer)
}

/// What the caller gets: the last ending, or an earlier one that may have cost more.
fn settle<B, ResBody>(
    operation: &mut Operation<B>,
    mut running: Running,
    last: Result<Response<ResBody>, Error>,
) -> Result<Response<ResponseBody<ResBody>>, Error>
where
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    let class = match &last {
        // A picture is handed on, and so is a success whose body is still to come.
        Ok(response) => match running.attempt().class() {
            Some(Class::Delivered) => None,
            judged => judged.or_else(|| class_of(response.status())),
        },
        Err(error) => Some(error.class()),
    };
    let instead = class.and_then(|class| operation.instead_of(running.attempt(), class));
    let report = operation.report(running.attempt());
    match (instead, last) {
        (Some(RejectedResult::Failure(error)), _) => Err(error.with_report(report)),
        (Some(RejectedResult::Answer(mut kept)), _) => {
            kept.extensions_mut().insert(report);
            Ok(kept.map(ResponseBody::kept))
        }
        (None, Err(error)) => Err(error.with_report(report)),
        (None, Ok(mut response)) => {
            response.extensions_mut().insert(report);
            running.guard.answered(&mut response);
            running.settle();
            Ok(response.map(|body| ResponseBody::live(body, running)))
        }
    }
}
