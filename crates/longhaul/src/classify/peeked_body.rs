//! A body whose beginning was read before it was handed on.
//!
//! Memory goes back piece by piece as the pieces are read, and not at the end: a slow reader of one picture does not keep
//! what it has already taken from others.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::peek::{Peek, Reach};
use crate::{
    body::{MemoryReservation, longer},
    error::{BoxError, Error},
};

/// A body whose beginning was read already: that, and then the rest.
#[derive(Debug)]
pub(super) struct PeekedBody<B> {
    frames: smallvec::IntoIter<[Bytes; 1]>,
    held: usize,
    /// Given back as what it was for is handed on.
    memory: Option<MemoryReservation>,
    rest: Rest<B>,
}

#[derive(Debug)]
enum Rest<B> {
    Coming(B),
    Broken(Error),
    Ended,
}

impl<B> PeekedBody<B> {
    /// A body that has not been peeked at.
    pub(super) fn unread(inner: B) -> Self {
        Self::longer(Peek::new(Reach::Peek(0)), inner)
    }

    /// The beginning is read, the rest is still to come.
    pub(super) fn longer(peek: Peek, rest: B) -> Self {
        Self::new(peek, Rest::Coming(rest))
    }

    /// All of it is read.
    pub(super) fn whole(peek: Peek) -> Self {
        Self::new(peek, Rest::Ended)
    }

    /// The beginning is read, and an error follows.
    pub(super) fn broken(peek: Peek, error: Error) -> Self {
        Self::new(peek, Rest::Broken(error))
    }

    /// Gives the connection up; nothing follows.
    pub(super) fn end(&mut self) {
        self.rest = Rest::Ended;
    }

    fn new(peek: Peek, rest: Rest<B>) -> Self {
        let held = peek.held();
        let (frames, memory) = peek.into_memory();
        Self {
            frames: frames.into_iter(),
            held,
            memory,
            rest,
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        let Some(data) = self.frames.next() else {
            self.memory = None;
            return None;
        };
        self.held -= data.len();
        if let Some(memory) = &mut self.memory {
            let beyond = memory.bytes().saturating_sub(self.held as u64);
            memory.shrink(beyond);
        }
        Some(data)
    }
}

impl<B> Body for PeekedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(data) = self.next() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Rest::Coming(body) = &mut self.rest {
            return Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Error::from_inner)));
        }
        Poll::Ready(match mem::replace(&mut self.rest, Rest::Ended) {
            Rest::Broken(error) => Some(Err(error)),
            Rest::Ended | Rest::Coming(_) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.as_slice().is_empty()
            && match &self.rest {
                Rest::Coming(body) => body.is_end_stream(),
                Rest::Ended => true,
                Rest::Broken(_) => false,
            }
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held as u64;
        let rest = match &self.rest {
            Rest::Coming(body) => body.size_hint(),
            Rest::Broken(_) => SizeHint::default(),
            Rest::Ended => SizeHint::with_exact(0),
        };
        longer(&rest, held)
    }
}
