//! The answer's body, which drives its connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use longhaul::{Attempt, Error};

use crate::{failure, pool::Lease};

/// The answer's body: hyper's, together with the connection that it comes from.
///
/// The connection reads, and goes on writing what is left of the request, while this is polled. At the
/// body's end it goes back to the idle ones; dropped before that, it is closed. Holds no buffer of its
/// own.
///
/// ```no_run
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::{BodyExt, Empty};
/// use longhaul_hyper::Client;
/// use tower_service::Service;
///
/// # async fn example(mut client: Client<Empty<Bytes>>) -> Result<(), Box<dyn std::error::Error>> {
/// let answer = client.call(Request::get("https://api.example.com/v1/models").body(Empty::new())?).await?;
/// let mut body = answer.into_body();
/// while let Some(frame) = body.frame().await {
///     println!("{} bytes", frame?.into_data().map_or(0, |data| data.len()));
/// }
/// # Ok(()) }
/// ```
///
/// An error in the middle is [`Disconnected`](longhaul::ErrorKind::Disconnected), or
/// [`MalformedResponse`](longhaul::ErrorKind::MalformedResponse) where chunks have no length; the connection is closed
/// with it. There is no limit for silence here: that is the business of `longhaul`'s clocks.
#[derive(Debug)]
pub struct ResponseBody {
    inner: Incoming,
    // `None` once the body has ended.
    lease: Option<Lease>,
    attempt: Option<Attempt>,
}

impl ResponseBody {
    /// An answer without a body gives its connection back at once.
    pub(crate) fn new(inner: Incoming, lease: Lease, attempt: Option<Attempt>) -> Self {
        let mut body = Self {
            inner,
            lease: Some(lease),
            attempt,
        };
        if body.inner.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// Once: a body may be polled beyond its end.
    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // Asked first, hyper reads no further than what is wanted.
        let mut polled = Pin::new(&mut this.inner).poll_frame(cx);
        if let (Poll::Pending, Some(lease)) = (&polled, &mut this.lease) {
            lease.wire().drive(cx);
            polled = Pin::new(&mut this.inner).poll_frame(cx);
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if this.inner.is_end_stream() {
                    this.give_back();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(source))) => {
                this.lease = None;
                let error = failure::of_body(source);
                Poll::Ready(Some(Err(failure::of_attempt(error, this.attempt.as_ref()))))
            }
            Poll::Ready(None) => {
                this.give_back();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
