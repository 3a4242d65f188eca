//! A body that is arriving is not ended by our own deadline: the picture is made and paid for, and is coming. The caller's
//! own deadline is another matter: whoever set it has no use for what comes later.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::running::RunningAttempt;
use crate::{
    attempt::{Attempt, Deadline, Expiry},
    body::ObservedBody,
    error::{BoxError, Error},
};

pin_project! {
    /// The response body of [`ClassifyingRetry`](super::ClassifyingRetry): the last attempt's, or what is
    /// left of an earlier one that may have cost more.
    ///
    /// Dropped before its end, it ends the attempt as cancelled; its money is settled by what is known by then.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: RetriedBody<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = InnerProj]
    enum RetriedBody<B> {
        Live {
            #[pin]
            body: ObservedBody<B, RunningAttempt>,
            attempt: Attempt,
            // The caller's deadline; ours ends no body that is arriving.
            expiry: Expiry,
        },
        Kept { body: Bytes },
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The answer of a running attempt, which ends `grace` after the caller's deadline at the latest.
    pub(super) fn live(
        body: B,
        running: RunningAttempt,
        deadline: Option<Deadline>,
        grace: Duration,
    ) -> Self {
        let attempt = running.attempt().clone();
        let body = ObservedBody::new(body, running);
        let expiry = deadline.map_or_else(
            || Expiry::new(None),
            |deadline| Expiry::after(deadline, grace),
        );
        Self {
            inner: RetriedBody::Live {
                body,
                attempt,
                expiry,
            },
        }
    }

    /// An earlier answer: as much of its body as was read to judge it.
    pub(super) const fn kept(body: Bytes) -> Self {
        Self {
            inner: RetriedBody::Kept { body },
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut inner = self.project().inner;
        match inner.as_mut().project() {
            InnerProj::Live {
                body,
                attempt,
                expiry,
            } => {
                if let Poll::Ready(frame) = body.poll_frame(cx) {
                    return Poll::Ready(frame);
                }
                ready!(expiry.poll_expired(cx));
                let attempt = attempt.clone();
                attempt.expire();
                // Dropped, it says how it ends.
                inner.set(RetriedBody::Kept { body: Bytes::new() });
                Poll::Ready(Some(Err(Error::deadline_passed(&attempt))))
            }
            InnerProj::Kept { body } => Poll::Ready(if body.is_empty() {
                None
            } else {
                Some(Ok(Frame::data(std::mem::take(body))))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            RetriedBody::Live { body, .. } => body.is_end_stream(),
            RetriedBody::Kept { body } => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            RetriedBody::Live { body, .. } => body.size_hint(),
            RetriedBody::Kept { body } => SizeHint::with_exact(body.len() as u64),
        }
    }
}
