//! `Run` is the decision, in one poll: the call first, then whether anybody is left who wants it. A call is ended
//! only where its callers have left, nobody will come back, and nothing is out that may be charged; that is asked at
//! every wake, so that an attempt which turns out free ends the call although its caller left long ago.
//!
//! `pump` is the task of a call that nobody watches. It goes on when nobody takes what it sends: reading to the end
//! is what makes the ledger say that the picture came.
//!
//! Tests: `what_was_sent_is_kept_when_the_caller_leaves`, `nothing_is_begun_for_a_caller_who_left`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tokio::sync::{mpsc, oneshot};

use super::body::ResponseBody;
use crate::{
    core::{BoxError, Error, ErrorKind},
    progress::{Presence, Progress},
};

pin_project! {
    /// A call until its head, ended where its callers have left and nothing that may be charged is in flight.
    pub(super) struct Run<F> {
        // Dropped as soon as nobody wants it.
        // Dropped before the error is returned: its guards write down how the attempt ended.
        #[pin]
        inner: Option<F>,
        progress: Progress,
        ends_with_caller: bool,
    }
}

impl<F> Run<F> {
    pub(super) const fn new(inner: F, progress: Progress, ends_with_caller: bool) -> Self {
        Self {
            inner: Some(inner),
            progress,
            ends_with_caller,
        }
    }
}

/// The error of a call that was ended is `NotStarted`, which says that sending again is free: nothing that may be
/// charged was out.
impl<F, T, E> Future for Run<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            panic!("`detach::ResponseFuture` polled after completion")
        };
        if let Poll::Ready(result) = inner.poll(cx) {
            this.inner.set(None);
            return Poll::Ready(result.map_err(Error::from_inner));
        }
        // Registered before the look, so that no change is missed.
        this.progress.watch(cx);
        let kept = this.progress.is_paying() && !*this.ends_with_caller;
        if this.progress.is_abandoned() && !kept {
            this.inner.set(None);
            return Poll::Ready(Err(Error::new(ErrorKind::NotStarted)));
        }
        Poll::Pending
    }
}

/// What the task of a call tells the future of its caller, once.
type Answered<B> = Result<Response<ResponseBody<B>>, Error>;

/// Runs a call on a task of its own, and hands its answer on as long as somebody takes it.
pub(super) async fn pump<F, B, E>(run: Run<F>, answer: oneshot::Sender<Answered<B>>)
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let response = match run.await {
        Ok(response) => response,
        Err(error) => {
            let _ = answer.send(Err(error));
            return;
        }
    };
    let (head, body) = response.into_parts();
    // One frame on its way: who reads slowly slows the provider down, as without this layer.
    let (pieces, taken) = mpsc::channel(1);
    let piped = ResponseBody::piped(taken, body.size_hint());
    let _ = answer.send(Ok(Response::from_parts(head, piped)));
    let mut body = std::pin::pin!(body.map_err(Error::from_inner));
    loop {
        let piece = body.frame().await.transpose();
        let is_last = !matches!(piece, Ok(Some(_)));
        // Without a reader it is read all the same: what was paid for is then known to have come.
        let _ = pieces.send(piece).await;
        if is_last {
            return;
        }
    }
}

pin_project! {
    /// The future of [`Detach`](super::Detach). Panics if polled after completion.
    ///
    /// Dropped, the caller has left: the call ends, or runs on, as the [module](super) says.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    /// Which of the two ways the call goes.
    #[project = StateProj]
    enum State<F, B> {
        Inline {
            #[pin]
            run: Run<F>,
        },
        Spawned {
            #[pin]
            answered: oneshot::Receiver<Answered<B>>,
            presence: Option<Presence>,
        },
    }
}

impl<F, B> ResponseFuture<F, B> {
    /// Polled by its caller, since a layer above counts the callers.
    pub(super) const fn inline(run: Run<F>) -> Self {
        Self {
            state: State::Inline { run },
        }
    }

    /// On a task; `presence` is what makes it notice that the caller left.
    pub(super) const fn spawned(
        answered: oneshot::Receiver<Answered<B>>,
        presence: Presence,
    ) -> Self {
        Self {
            state: State::Spawned {
                answered,
                presence: Some(presence),
            },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inline { run } => {
                let response = ready!(run.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inline)))
            }
            StateProj::Spawned { answered, presence } => {
                let result = ready!(answered.poll(cx));
                let presence = presence.take();
                // It ends without an answer only where the runtime does.
                let response = result.unwrap_or_else(|gone| {
                    Err(Error::new(ErrorKind::Disconnected).with_source(gone))
                })?;
                Poll::Ready(Ok(response.map(|body| body.held_by(presence))))
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
