use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::running::Running;
use crate::{
    body::ObservedBody,
    error::{BoxError, Error},
};

pin_project! {
    /// The response body of [`ClassifyingRetry`](super::ClassifyingRetry): the last attempt's, or what is
    /// left of an earlier one that may have cost more.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = InnerProj]
    enum Inner<B> {
        Live { #[pin] body: ObservedBody<B, Running> },
        RejectedResult { body: Bytes },
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn live(body: B, running: Running) -> Self {
        let body = ObservedBody::new(body, running);
        Self {
            inner: Inner::Live { body },
        }
    }

    pub(super) const fn kept(body: Bytes) -> Self {
        Self {
            inner: Inner::RejectedResult { body },
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
        match self.project().inner.project() {
            InnerProj::Live { body } => body.poll_frame(cx),
            InnerProj::RejectedResult { body } => Poll::Ready(if body.is_empty() {
                None
            } else {
                Some(Ok(Frame::data(std::mem::take(body))))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Live { body } => body.is_end_stream(),
            Inner::RejectedResult { body } => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Live { body } => body.size_hint(),
            Inner::RejectedResult { body } => SizeHint::with_exact(body.len() as u64),
        }
    }
}
