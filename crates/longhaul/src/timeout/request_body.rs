//! Watches the upload. A client takes slices out of this body as it writes them, so that the last slice marks, as well as
//! anything above the socket can, when the request was out. Slices are small on purpose: of a body in one piece the client
//! would take all at once, and the upload would seem over when it begins.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{attempt::Attempt, body::longer};

/// The most that is handed to the client at once: what a client holds unwritten stays small, so that
/// the hand-over of the last slice is close to the moment it leaves.
const SLICE: usize = 64 * 1024;

pin_project! {
    /// A request body in slices of at most 64 KiB, shared, not copied, that writes down what was handed on.
    ///
    /// This is the body that the client below a [`Stack`](crate::Stack) is given:
    /// [`StackRequestBody`](crate::StackRequestBody) names it for a caller's body.
    #[derive(Debug)]
    pub struct RequestBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: B,
        // What is left of the inner body's latest frame.
        rest: Option<B::Data>,
        // All bytes there will be, where the body knows.
        expected: Option<u64>,
        attempt: Attempt,
    }
}

impl<B: Body> RequestBody<B> {
    /// Watches `inner` for `attempt`. `announced` is the request's `Content-Length`: a client asks for no more than that
    /// of a body that does not know its own length.
    pub(super) fn new(inner: B, announced: Option<u64>, attempt: Attempt) -> Self {
        let expected = inner.size_hint().exact().or(announced);
        {
            let mut facts = attempt.facts();
            facts.body.watched = true;
            let empty = inner.is_end_stream() || expected == Some(0);
            facts.body.ended = empty.then(Instant::now);
        }
        Self {
            expected,
            inner,
            rest: None,
            attempt,
        }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let now = Instant::now();
        this.attempt.facts().body.progress.get_or_insert(now);
        loop {
            if let Some(rest) = this.rest.as_mut() {
                let slice = rest.copy_to_bytes(rest.remaining().min(SLICE));
                if !rest.has_remaining() {
                    *this.rest = None;
                }
                let mut facts = this.attempt.facts();
                let body = &mut facts.body;
                body.handed += slice.len() as u64;
                body.progress = Some(now);
                // A client that knows the length does not ask again after the last byte.
                let whole = this
                    .expected
                    .is_some_and(|expected| body.handed >= expected);
                if whole || this.rest.is_none() && this.inner.is_end_stream() {
                    body.ended = body.progress;
                }
                return Poll::Ready(Some(Ok(Frame::data(slice))));
            }
            match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    // An empty frame is no slice; ask on.
                    Ok(data) => *this.rest = data.has_remaining().then_some(data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        this.attempt.facts().body.ended = Some(now);
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.attempt.facts().body.ended.get_or_insert(now);
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.remaining() as u64);
        longer(&self.inner.size_hint(), rest)
    }
}
