//! The call is polled first at every wake, so that an answer which is there at the end of the silence goes out with
//! its own head. Only then is it asked what the line is due.
//!
//! No timer is made before the call is first found pending: fast calls pay for none.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use tokio::time::{Sleep, sleep};

use super::{
    body::ResponseBody,
    line::{Due, Line},
};
use crate::core::{BoxError, Error};

/// The future of [`Heartbeat`](super::Heartbeat). Panics if polled after completion.
///
/// Dropped, it drops the call: what runs on is the layers' below. Where it is ready with a 200 of its own, the call
/// goes on inside the body.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<F, B> {
    // Boxed, since it goes on inside the answer's body when the head has to go out first.
    inner: Option<Pin<Box<F>>>,
    line: Line,
    silence: Option<Pin<Box<Sleep>>>,
    body: PhantomData<fn() -> B>,
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(inner: F, line: Line) -> Self {
        Self {
            inner: Some(Box::pin(inner)),
            line,
            silence: None,
            body: PhantomData,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<F, B>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const FINISHED: &str = "`heartbeat::ResponseFuture` polled after completion";
        let this = &mut *self;
        let inner = this.inner.as_mut().expect(FINISHED);
        if let Poll::Ready(result) = inner.as_mut().poll(cx) {
            this.inner = None;
            let response = result.map_err(Error::from_inner)?;
            return Poll::Ready(Ok(ResponseBody::pass(response, &this.line)));
        }
        if this.line.silent {
            return Poll::Pending;
        }
        loop {
            let after = this.line.policy.after;
            let silence = this.silence.get_or_insert_with(|| Box::pin(sleep(after)));
            if silence.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match this.line.due() {
                Due::Beat => {
                    let inner = this.inner.take().expect(FINISHED);
                    let body = ResponseBody::wait(inner, this.line.clone());
                    return Poll::Ready(Ok(this.line.head(body)));
                }
                Due::Refuse(refusal) => {
                    // Nothing was sent: the call ends with this.
                    this.inner = None;
                    let bytes = refusal.body_bytes(this.line.dialect);
                    let response = refusal.into_response(this.line.dialect);
                    return Poll::Ready(Ok(response.map(|_| ResponseBody::own(bytes))));
                }
                Due::Wait(span) => this.silence = Some(Box::pin(sleep(span))),
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
