//! The order of two durable events: the entry is on disk, then the request leaves. A crash between the two leaves an entry
//! for an attempt that was never made, which is closed as lost and costs a look into the provider's log. The other order
//! would leave money out that no entry speaks of.
//!
//! A ledger that hangs holds the call up until its deadline and no longer; nothing was sent then, and the error says so.

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
    body::ResponseBody,
    ledger::{Entry, Ledger},
};
use crate::{
    attempt::{Deadline, Expiry},
    body::ObservedBody,
    error::{BoxError, Error, ErrorKind, class_of_answer},
    model::{Decision, End},
};

pin_project! {
    /// Waits until the entry is open for good, then for the answer's head.
    ///
    /// Dropped while it waits for the entry, nothing was sent. Dropped later, the attempt is cancelled, and its entry says
    /// what is proved of the request by then. Either way the entry is closed before `drop` returns.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, L>
    where
        S: Service<Request<B>>,
        L: Ledger,
    {
        // Before the entry, so that it drops first and says what it knows.
        #[pin]
        state: State<S, Request<B>, S::Future, L::Opened>,
        // `None` once done.
        entry: Option<Entry<L::Slot>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, F, O> {
        Opening {
            #[pin]
            opened: O,
            // Taken to be called.
            call: Option<(S, R)>,
            // The operation's deadline: a ledger that hangs holds nobody up for longer.
            expiry: Expiry,
        },
        Calling {
            #[pin]
            inner: F,
        },
    }
}

impl<S, B, L> ResponseFuture<S, B, L>
where
    S: Service<Request<B>>,
    L: Ledger,
{
    pub(super) fn new(
        opened: L::Opened,
        readied: S,
        request: Request<B>,
        entry: Entry<L::Slot>,
    ) -> Self {
        Self {
            state: State::Opening {
                opened,
                expiry: Expiry::new(Deadline::of(request.extensions())),
                call: Some((readied, request)),
            },
            entry: Some(entry),
        }
    }

    /// The call has an entry already, which a tracker above opened.
    ///
    /// Two trackers in one stack see one attempt: the outer one writes, the inner one passes.
    pub(super) fn opened(mut readied: S, request: Request<B>, entry: Entry<L::Slot>) -> Self {
        let inner = readied.call(request);
        Self {
            state: State::Calling { inner },
            entry: Some(entry),
        }
    }
}

impl<S, B, L, ResBody> Future for ResponseFuture<S, B, L>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body,
    ResBody::Error: Into<BoxError>,
    L: Ledger,
{
    type Output = Result<Response<ResponseBody<ResBody, L>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "`billing::ResponseFuture` polled after completion";
        let mut this = self.project();
        let entry = this.entry.as_mut().expect(DONE);
        let answer = loop {
            match this.state.as_mut().project() {
                StateProj::Opening {
                    opened,
                    call,
                    expiry,
                } => {
                    match opened.poll(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => {
                            break Err(Error::new(ErrorKind::Ledger).with_source(error));
                        }
                        Poll::Pending => {
                            ready!(expiry.poll_expired(cx));
                            break Err(Error::not_begun(Decision::DEADLINE_PASSED));
                        }
                    }
                    let (mut readied, request) = call.take().expect(DONE);
                    entry.called();
                    let inner = readied.call(request);
                    this.state.set(State::Calling { inner });
                }
                StateProj::Calling { inner } => {
                    break ready!(inner.poll(cx)).map_err(Error::from_inner);
                }
            }
        };
        let mut entry = this.entry.take().expect(DONE);
        Poll::Ready(match answer {
            Ok(response) => Ok(answered(response, entry)),
            Err(error) => Err(entry.fail(error)),
        })
    }
}

/// Closes the entry if the answer was judged already or its status says it all, else with its body.
fn answered<B: Body, L: Ledger>(
    mut response: Response<B>,
    mut entry: Entry<L::Slot>,
) -> Response<ResponseBody<B, L>> {
    let attempt = entry.attempt().clone();
    attempt.head_received(response.status(), response.version());
    // A class that is known before the end of the body is not known to be the last word.
    let ended = attempt.outcome_now().is_some() || !response.status().is_success();
    if let Some(class) = class_of_answer(Some(&attempt), &response).filter(|_| ended) {
        entry.settle(End::Finished, class);
    }
    attempt.put_into(response.extensions_mut());
    response.map(|body| ResponseBody::new(ObservedBody::new(body, entry)))
}

impl<S, B, L> fmt::Debug for ResponseFuture<S, B, L>
where
    S: Service<Request<B>>,
    L: Ledger,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Opening { .. } => "Opening",
            State::Calling { .. } => "Calling",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .field("entry", &self.entry)
            .finish()
    }
}
