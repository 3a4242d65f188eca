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
    operation::{Kept, Operation},
};
use crate::{
    body::Replay,
    classify::status::class_of,
    error::{BoxError, Error, ErrorKind},
};

pin_project! {
    /// Makes the attempts of an operation, one after the other.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // Before the operation, which holds the attempt's guard, so that it drops first and says what it
        // knows.
        #[pin]
        state: State<S::Future>,
        service: S,
        operation: Operation<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F> {
        Calling { #[pin] inner: F },
        Waiting { #[pin] sleep: Sleep },
        Readying,
        Done,
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
    B: Replay,
{
    /// `service` is ready.
    pub(super) fn new(mut service: S, mut operation: Operation<B>, body: B) -> Self {
        let inner = service.call(operation.next_request(body));
        Self {
            state: State::Calling { inner },
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let operation = this.operation;
        loop {
            let wait: Result<Duration, _> = match this.state.as_mut().project() {
                StateProj::Calling { inner } => match ready!(inner.poll(cx)) {
                    Ok(response) => operation.judge_answer(response).map_err(Ok),
                    Err(error) => operation.judge_error(Error::from_inner(error)).map_err(Err),
                },
                StateProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Readying);
                    continue;
                }
                StateProj::Readying => {
                    let ready = ready!(this.service.poll_ready(cx));
                    let body = operation.body().expect("only what can be sent again is");
                    let request = operation.next_request(body);
                    match ready {
                        Ok(()) => {
                            let inner = this.service.call(request);
                            this.state.set(State::Calling { inner });
                            continue;
                        }
                        // The service broke between two attempts: one more ending, and not the first.
                        Err(error) => operation
                            .judge_error(Error::new(ErrorKind::NotStarted).with_source(error))
                            .map_err(Err),
                    }
                }
                StateProj::Done => panic!("`retry::ResponseFuture` polled after completion"),
            };
            match wait {
                Ok(wait) => this.state.set(State::Waiting { sleep: sleep(wait) }),
                Err(last) => {
                    this.state.set(State::Done);
                    return Poll::Ready(settle(operation, last));
                }
            }
        }
    }
}

/// What the caller gets: the last ending, or an earlier one that may have cost more.
fn settle<B, ResBody>(
    operation: &mut Operation<B>,
    last: Result<Response<ResBody>, Error>,
) -> Result<Response<ResponseBody<ResBody>>, Error>
where
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    let class = match &last {
        Ok(response) => class_of(response.status()),
        Err(error) => Some(error.class()),
    };
    let costlier = class.and_then(|class| operation.costlier_than(class));
    let mut guard = operation.take_guard();
    let report = operation.report();
    match (costlier, last) {
        (Some(Kept::Failure(error)), _) => Err(error.with_report(report)),
        (Some(Kept::Answer(mut kept)), _) => {
            kept.extensions_mut().insert(report);
            Ok(kept.map(ResponseBody::kept))
        }
        (None, Err(error)) => Err(error.with_report(report)),
        (None, Ok(mut response)) => {
            response.extensions_mut().insert(report);
            if let Some(guard) = &mut guard {
                guard.answered(&mut response);
            }
            Ok(response.map(|body| ResponseBody::live(body, guard)))
        }
    }
}
