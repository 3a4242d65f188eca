//! Reads until one of three things: the body's end, the cap, or no more memory for the whole client. The last two are alike
//! to whoever asked: what was read goes out first, and the rest streams behind it. Nothing that was read is lost, and nothing
//! is read twice.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http_body::Body;

use super::{ReplayBody, into_bytes};
use crate::{
    body::{MemoryBudget, MemoryReservation},
    error::{BoxError, Error, ErrorKind},
};

/// Reads a body until it ends or meets the cap, whichever is first.
pub(crate) struct ReadAhead<B> {
    /// `None` once read.
    reading: Option<BodyReading<B>>,
}

struct BodyReading<B> {
    body: B,
    limit: u64,
    /// Said by the body itself: it is longer than the limit, so nothing is gathered in vain.
    too_long: bool,
    data: Gathered,
    trailers: Option<Box<HeaderMap>>,
    reservation: MemoryReservation,
}

impl<B: Body + Unpin> ReadAhead<B>
where
    B::Error: Into<BoxError>,
{
    /// Will read `body` up to `limit` bytes, as far as `budget` has room for them.
    pub(crate) fn new(body: B, limit: u64, budget: &MemoryBudget) -> Self {
        Self {
            reading: Some(BodyReading {
                too_long: body.size_hint().lower() > limit,
                body,
                limit,
                data: Gathered::Nothing,
                trailers: None,
                reservation: budget.reserve(),
            }),
        }
    }

    /// Reads on. An error means that nothing of the request has been sent.
    ///
    /// # Panics
    ///
    /// If polled after completion.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReplayBody<B>, Error>> {
        let reading = self
            .reading
            .as_mut()
            .expect("`ReadAhead` polled after completion");
        let overflow = ready!(reading.poll_gather(cx));
        let read = self.reading.take().expect("it was there a moment ago");
        Poll::Ready(overflow.map(|overflow| read.finish(overflow)))
    }
}

impl<B: Body + Unpin> BodyReading<B>
where
    B::Error: Into<BoxError>,
{
    /// Ready at the end of the body with `None`, or with the piece that is too much.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        while !self.body.is_end_stream() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    // Even where it is one of ours: it speaks of another call, and this one was not sent.
                    let error = Error::new(ErrorKind::RequestBody).with_source(error);
                    return Poll::Ready(Err(error));
                }
                None => break,
            };
            match frame.into_data() {
                Ok(data) if !data.has_remaining() => {}
                Ok(data) if self.has_room_for(data.remaining() as u64) => {
                    self.data.push(data, self.body.size_hint().lower());
                }
                Ok(data) => return Poll::Ready(Ok(Some(into_bytes(data)))),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.trailers.get_or_insert_default().extend(trailers);
                    }
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// A body that announces more than the cap is not gathered at all: its first piece goes out as it came.
    fn has_room_for(&mut self, more: u64) -> bool {
        !self.too_long
            && (self.data.len() as u64)
                .checked_add(more)
                .is_some_and(|sum| sum <= self.limit)
            && self.reservation.grow(more)
    }

    fn finish(self, overflow: Option<Bytes>) -> ReplayBody<B> {
        let data = self.reservation.hold(self.data.into_bytes());
        match overflow {
            None => ReplayBody::buffered_with(data, self.trailers),
            Some(overflow) if data.is_empty() => {
                ReplayBody::streaming([overflow, Bytes::new()], self.body)
            }
            Some(overflow) => ReplayBody::streaming([data, overflow], self.body),
        }
    }
}

impl<B> fmt::Debug for ReadAhead<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").finish_non_exhaustive()
    }
}

/// What was read so far. Copied only from the second piece on, and then at once, so that a body in many
/// small pieces costs no more than its length.
enum Gathered {
    Nothing,
    One(Bytes),
    Joined(Vec<u8>),
}

/// A body may promise more than it has; what is allocated on its word alone is bounded.
const MOST_EXPECTED: u64 = 32 << 20;

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(piece) => piece.len(),
            Self::Joined(pieces) => pieces.len(),
        }
    }

    /// Adds `data`, with room for the `expected` bytes that are still to come, if it believes in them.
    fn push(&mut self, data: impl Buf, expected: u64) {
        *self = match mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(into_bytes(data)),
            Self::One(first) => {
                let expected = expected.min(MOST_EXPECTED) as usize;
                let mut pieces = Vec::with_capacity(first.len() + data.remaining() + expected);
                pieces.put(first);
                pieces.put(data);
                Self::Joined(pieces)
            }
            Self::Joined(mut pieces) => {
                pieces.put(data);
                Self::Joined(pieces)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(piece) => piece,
            Self::Joined(mut pieces) => {
                // The spare room is not in the budget.
                pieces.shrink_to_fit();
                pieces.into()
            }
        }
    }
}
