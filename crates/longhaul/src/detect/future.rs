//! Nothing is sent before the body has been read: an upload that breaks while its caller still writes it costs nothing. Below
//! this point no attempt waits for a caller.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::dialect;
use crate::{
    attempt::{Deadline, Expiry},
    body::{ReadAhead, ReplayBody},
    error::{BoxError, Error},
    model::{Decision, Resolution, Workload},
};

pin_project! {
    /// The future of [`DetectWorkload`](super::DetectWorkload).
    ///
    /// Panics if polled after completion.
    ///
    /// Dropped while it reads, nothing was sent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = Taken]
    enum State<S, F, B> {
        Reading { reading: RequestReading<S, B> },
        Calling { #[pin] call: F },
        Done,
    }
}

/// What waits for the body.
struct RequestReading<S, B> {
    /// Readied.
    inner: S,
    head: Parts,
    body: ReadAhead<B>,
    /// The size that the caller's header names.
    named: Option<Resolution>,
    limit: u64,
    /// The caller's deadline.
    expiry: Expiry,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn new(
        inner: S,
        head: Parts,
        body: ReadAhead<B>,
        named: Option<Resolution>,
        limit: u64,
    ) -> Self {
        let reading = RequestReading {
            expiry: Expiry::new(Deadline::of(&head.extensions)),
            inner,
            head,
            body,
            named,
            limit,
        };
        Self {
            state: State::Reading { reading },
        }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let output = match state.as_mut().project() {
                StateProj::Reading { reading } => match reading.body.poll_read(cx) {
                    Poll::Ready(Ok(body)) => {
                        let read = state.as_mut().project_replace(State::Done);
                        let Taken::Reading { reading } = read else {
                            unreachable!("it was `Reading` a moment ago")
                        };
                        let call = reading.call(body);
                        state.set(State::Calling { call });
                        continue;
                    }
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Pending => {
                        ready!(reading.expiry.poll_expired(cx));
                        Err(Error::not_begun(Decision::DEADLINE_PASSED))
                    }
                },
                StateProj::Calling { call } => ready!(call.poll(cx)).map_err(Error::from_inner),
                StateProj::Done => panic!("`detect::ResponseFuture` polled after completion"),
            };
            state.set(State::Done);
            return Poll::Ready(output);
        }
    }
}

impl<S, B> RequestReading<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    /// Sends the request on, with its workload.
    fn call(self, body: ReplayBody<B>) -> S::Future {
        let Self {
            mut inner,
            mut head,
            named,
            limit,
            ..
        } = self;
        if head.extensions.get::<Workload>().is_none() {
            let seen = body.first_piece();
            let seen = &seen[..seen.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
            let mut workload = dialect::workload(&head, seen, body.is_replayable());
            if let Some(resolution) = named {
                workload.resolution = resolution;
                workload.recognised |= resolution != Resolution::Unknown;
            }
            head.extensions.insert(workload);
        }
        inner.call(Request::from_parts(head, body))
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Reading { .. } => "Reading",
            State::Calling { .. } => "Calling",
            State::Done => "Done",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
