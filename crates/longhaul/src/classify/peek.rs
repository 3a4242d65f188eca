use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use smallvec::{SmallVec, smallvec};

use crate::{
    body::longer,
    error::{BoxError, Error},
};

/// However much of it is whitespace, no more than this is held.
const HELD_WITH_WHITESPACE: usize = 1024 * 1024;

/// The beginning of a body, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Peek {
    // Most answers are one frame, or begin with one that is longer than the limit.
    frames: SmallVec<[Bytes; 1]>,
    trailers: Option<Box<HeaderMap>>,
    held: usize,
    // Of so many frames, so many bytes are no whitespace.
    counted: (usize, usize),
}

/// Why the reading stopped.
#[derive(Debug)]
pub(super) enum Peeked {
    /// The body is here whole.
    Whole,
    /// There is more than the limit.
    Longer,
    /// The body broke.
    Broken(Error),
}

impl Peek {
    /// Reads `body` until its end, or until more than `limit` bytes are here, whitespace not counted:
    /// some relays keep a connection alive with blanks before the JSON.
    pub(super) fn poll_read<B>(
        &mut self,
        body: &mut B,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Peeked>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        loop {
            if body.is_end_stream() {
                return Poll::Ready(Peeked::Whole);
            }
            if self.is_over(limit) {
                return Poll::Ready(Peeked::Longer);
            }
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => return Poll::Ready(Peeked::Whole),
                Some(Err(error)) => return Poll::Ready(Peeked::Broken(Error::from_inner(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.push(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok().map(Box::new),
                },
            }
        }
    }

    fn push(&mut self, data: Bytes) {
        self.held += data.len();
        self.frames.push(data);
    }

    /// Nothing is counted while all of it is within the limit, as most answers are to their end.
    fn is_over(&mut self, limit: usize) -> bool {
        if self.held <= limit {
            return false;
        }
        let (frames, count) = &mut self.counted;
        for frame in self.frames.iter().skip(*frames) {
            *frames += 1;
            *count += frame
                .iter()
                .filter(|byte| !byte.is_ascii_whitespace())
                .count();
        }
        *count > limit || self.held > HELD_WITH_WHITESPACE
    }

    /// What was read, in one piece: a copy of at most the limit and one frame, where there were several.
    pub(super) fn joined(&mut self) -> Bytes {
        if self.frames.len() > 1 {
            let mut joined = BytesMut::with_capacity(self.held);
            for frame in &self.frames {
                joined.extend_from_slice(frame);
            }
            self.frames = smallvec![joined.freeze()];
        }
        self.frames.first().cloned().unwrap_or_default()
    }
}

/// A body whose beginning was read already: that, and then the rest.
#[derive(Debug)]
pub struct PeekedBody<B> {
    frames: smallvec::IntoIter<[Bytes; 1]>,
    held: usize,
    rest: Rest<B>,
}

#[derive(Debug)]
enum Rest<B> {
    NextAttempt(B),
    Trailers(Box<HeaderMap>),
    Broken(Error),
    Ended,
}

impl<B> PeekedBody<B> {
    /// A body that has not been peeked at.
    pub(super) fn unread(inner: B) -> Self {
        Self::longer(Peek::default(), inner)
    }

    /// The beginning is read, the rest is still to come.
    pub(super) fn longer(peek: Peek, rest: B) -> Self {
        Self::new(peek, Rest::NextAttempt(rest))
    }

    /// All of it is read.
    pub(super) fn whole(mut peek: Peek) -> Self {
        let rest = peek.trailers.take().map_or(Rest::Ended, Rest::Trailers);
        Self::new(peek, rest)
    }

    /// The beginning is read, and an error follows.
    pub(super) fn broken(peek: Peek, error: Error) -> Self {
        Self::new(peek, Rest::Broken(error))
    }

    fn new(peek: Peek, rest: Rest<B>) -> Self {
        Self {
            held: peek.held,
            frames: peek.frames.into_iter(),
            rest,
        }
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
        if let Some(data) = self.frames.next() {
            self.held -= data.len();
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Rest::NextAttempt(body) = &mut self.rest {
            return Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Error::from_inner)));
        }
        Poll::Ready(match mem::replace(&mut self.rest, Rest::Ended) {
            Rest::Trailers(trailers) => Some(Ok(Frame::trailers(*trailers))),
            Rest::Broken(error) => Some(Err(error)),
            Rest::Ended | Rest::NextAttempt(_) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.as_slice().is_empty()
            && match &self.rest {
                Rest::NextAttempt(body) => body.is_end_stream(),
                Rest::Ended => true,
                Rest::Trailers(_) | Rest::Broken(_) => false,
            }
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held as u64;
        let rest = match &self.rest {
            Rest::NextAttempt(body) => body.size_hint(),
            Rest::Broken(_) => SizeHint::default(),
            Rest::Trailers(_) | Rest::Ended => SizeHint::with_exact(0),
        };
        longer(&rest, held)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::{super::tests::Frames, *};

    /// Frames of so many bytes of a kind, and so often: what is held when the reading stops, and whether all came.
    fn read(frames: &[(u8, usize, usize)], limit: usize) -> (usize, bool) {
        let frames = frames.iter().flat_map(|&(byte, length, times)| {
            let data = Bytes::from(vec![byte; length]);
            std::iter::repeat_n(data, times)
        });
        let mut body = Frames::new(frames);
        let mut peek = Peek::default();
        let mut cx = Context::from_waker(Waker::noop());
        let peeked = peek.poll_read(&mut body, limit, &mut cx);
        (peek.held, matches!(peeked, Poll::Ready(Peeked::Whole)))
    }

    #[test]
    fn what_is_held_is_bounded_by_the_limit_and_blanks_by_a_mebibyte() {
        const MIB: usize = 1 << 20;
        for (frames, limit, expected) in [
            (&[(b'x', 10, 1)][..], 10, (10, true)),
            (&[(b'x', 11, 1)], 10, (11, false)),
            // Blanks are not counted, wherever they stand, and however small the frames are.
            (&[(b' ', 1, 500), (b'x', 1, 10)], 10, (510, true)),
            (&[(b'x', 1, 10), (b'\n', 1, 500)], 10, (510, true)),
            (&[(b' ', 1, 500), (b'x', 1, 12)], 10, (511, false)),
            (&[(b' ', MIB, 1), (b'x', 10, 1)], 10, (MIB + 10, false)),
            (&[(b' ', MIB, 1)], 10, (MIB, true)),
            // A limit beyond that is kept as well.
            (&[(b'x', MIB, 3)], 3 * MIB, (3 * MIB, true)),
            (&[(b'x', MIB, 3)], 3 * MIB - 1, (3 * MIB, false)),
        ] {
            assert_eq!(read(frames, limit), expected, "{frames:?}, {limit}");
        }
    }
}
