use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use longhaul::{Attempt, Error, ErrorKind};

/// The answer's body: hyper's, with errors that know their attempt.
///
/// Holds no buffer of its own.
#[derive(Debug)]
pub struct ResponseBody {
    inner: Incoming,
    attempt: Option<Attempt>,
}

impl ResponseBody {
    pub(crate) const fn new(inner: Incoming, attempt: Option<Attempt>) -> Self {
        Self { inner, attempt }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        polled.map_err(|source| {
            let error = Error::new(ErrorKind::Disconnected).with_source(source);
            match &self.attempt {
                Some(attempt) => error.with_attempt(attempt),
                None => error,
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
