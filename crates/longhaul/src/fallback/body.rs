use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;

use crate::body::ReplayBody;

/// A request body whose whole content can be seen, and that can be made of other content.
pub trait Buffered: Sized {
    /// All of it, without a copy; `None` where it streams.
    fn content(&self) -> Option<Bytes>;

    /// A body with this content.
    fn of(content: Bytes) -> Self;
}

/// Whether `part` keeps the memory of `whole`: it is all of it, or a piece.
pub(super) fn shares(whole: &Bytes, part: &Bytes) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

impl<B> Buffered for ReplayBody<B> {
    fn content(&self) -> Option<Bytes> {
        self.buffered().cloned()
    }

    fn of(content: Bytes) -> Self {
        content.into()
    }
}

impl Buffered for Full<Bytes> {
    fn content(&self) -> Option<Bytes> {
        // It shows its content to those alone who read it; a copy is only another reference.
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.clone()).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            _ => Some(Bytes::new()),
        }
    }

    fn of(content: Bytes) -> Self {
        content.into()
    }
}
