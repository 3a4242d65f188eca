//! The request's body: boxed, and watched for its end. A request whose body did not end cannot have been sent whole.
//!
//! A body ends in four ways, and each counts: it says so (`is_end_stream`), it gives `None`, it gives trailers, or its
//! length is reached. The last one matters, because hyper does not poll a body again that has given as many bytes as
//! were announced.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use longhaul::BoxError;
use pin_project_lite::pin_project;

use crate::proof::Exchange;

/// A request's body on its way into hyper.
///
/// Boxed: hyper's channel to a connection has room for 32 requests, whatever size they have.
pub(crate) struct RequestBody(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>);

impl RequestBody {
    /// `length` is what a `content-length` header says, which counts as much as the body's own word.
    ///
    /// An empty body has ended before anything is written.
    pub(crate) fn new<B>(body: B, length: Option<u64>, exchange: Arc<Exchange>) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let left = length.or_else(|| body.size_hint().exact());
        if left == Some(0) || body.is_end_stream() {
            exchange.body_ended();
        }
        Self(Box::pin(Watched {
            body,
            left,
            exchange,
        }))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

pin_project! {
    /// Notes when the body has ended: by itself, or because its length is reached.
    struct Watched<B> {
        #[pin]
        body: B,
        left: Option<u64>,
        exchange: Arc<Exchange>,
    }
}

impl<B> Body for Watched<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let frame = match ready!(this.body.as_mut().poll_frame(cx)) {
            // Shared where it is `Bytes` already.
            Some(Ok(frame)) => frame.map_data(|mut data| data.copy_to_bytes(data.remaining())),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => {
                this.exchange.body_ended();
                return Poll::Ready(None);
            }
        };
        if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
            *left = left.saturating_sub(data.len() as u64);
        }
        if *this.left == Some(0) || frame.is_trailers() || this.body.is_end_stream() {
            this.exchange.body_ended();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
