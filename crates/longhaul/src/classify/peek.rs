//! How much of an answer is read before its head is handed on, and when the reading ends although the connection does not.
//!
//! Frames are kept as they came and handed on as they came: what was held is neither copied nor put together
//! (`what_is_held_goes_on_in_the_frames_in_which_it_came`).

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use smallvec::{SmallVec, smallvec};
use tokio::time::{Sleep, sleep};

use super::answer::AnswerWatcher;
use crate::{
    body::MemoryReservation,
    error::{BoxError, Error},
};

/// However much of it is whitespace, no more than this is peeked at.
const HELD_WITH_WHITESPACE: usize = 1024 * 1024;

/// So long the connection of an answer whose document is whole is read on, in case it ends well.
///
/// Long enough for the end of a chunked body that is on its way; a relay that keeps the connection open would otherwise hold
/// a whole picture back until its own idle limit.
const BEYOND_DOCUMENT: Duration = Duration::from_secs(1);

/// How much of a body is read before it is handed on.
#[derive(Debug)]
pub(super) enum Reach {
    /// So many bytes, whitespace not counted: some relays keep a connection alive with blanks before the JSON.
    Peek(usize),
    /// All of it, unless it is longer than this, or than the memory that is left.
    Hold(usize, MemoryReservation),
}

/// The beginning of a body, as far as it was read.
#[derive(Debug)]
pub(super) struct Peek {
    reach: Reach,
    // Most answers are one frame, or begin with one that is longer than the limit.
    frames: SmallVec<[Bytes; 1]>,
    held: usize,
    // Of so many frames, so many bytes are no whitespace.
    counted: (usize, usize),
    out_of_memory: bool,
    linger: Linger,
}

/// Why the reading stopped.
#[derive(Debug)]
pub(super) enum Peeked {
    /// The body is here whole, or its document is.
    Whole,
    /// There is more than was to be read.
    Longer,
    /// The body broke.
    Broken(Error),
}

impl Peek {
    pub(super) fn new(reach: Reach) -> Self {
        Self {
            reach,
            frames: SmallVec::new(),
            held: 0,
            counted: (0, 0),
            out_of_memory: false,
            linger: Linger::default(),
        }
    }

    /// Reads `body`, which `watcher` follows, until its end, its document's end, or until more is here than is to be read.
    pub(super) fn poll_read<B>(
        &mut self,
        body: &mut B,
        watcher: &mut AnswerWatcher,
        mut came: impl FnMut(&AnswerWatcher),
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
            if self.is_over() {
                return Poll::Ready(Peeked::Longer);
            }
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => {
                    return self.linger.poll_over(watcher, cx).map(|()| Peeked::Whole);
                }
                Poll::Ready(None) => return Poll::Ready(Peeked::Whole),
                Poll::Ready(Some(Err(_))) if watcher.is_whole_if_broken() => {
                    return Poll::Ready(Peeked::Whole);
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Peeked::Broken(Error::from_inner(error)));
                }
                // What is read whole goes on with its length, and without trailers.
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        watcher.data(&data);
                        came(watcher);
                        self.push(data);
                    }
                }
            }
        }
    }

    /// Bytes that are here.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Whether it would have been held whole, had there been memory.
    pub(super) const fn is_out_of_memory(&self) -> bool {
        self.out_of_memory
    }

    fn push(&mut self, data: Bytes) {
        self.held += data.len();
        self.frames.push(data);
        if let Reach::Hold(_, memory) = &mut self.reach {
            let more = (self.held as u64).saturating_sub(memory.bytes());
            self.out_of_memory = more > 0 && !memory.grow(more);
        }
    }

    /// Nothing is counted while all of it is within the limit, as most answers are to their end.
    fn is_over(&mut self) -> bool {
        let limit = match self.reach {
            Reach::Hold(limit, _) => return self.out_of_memory || self.held > limit,
            Reach::Peek(limit) => limit,
        };
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

    /// What was read, in one piece: a copy, where there were several.
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

    pub(super) fn into_memory(self) -> (SmallVec<[Bytes; 1]>, Option<MemoryReservation>) {
        let memory = match self.reach {
            Reach::Hold(_, memory) => Some(memory),
            Reach::Peek(_) => None,
        };
        (self.frames, memory)
    }
}

/// The wait for the good end of a connection whose document is whole already.
#[derive(Debug, Default)]
pub(super) struct Linger {
    // Nearly no answer has any.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    /// Ready once the document has been whole for so long.
    pub(super) fn poll_over(&mut self, watcher: &AnswerWatcher, cx: &mut Context<'_>) -> Poll<()> {
        if !watcher.is_over() {
            // Another document may follow the one that was whole.
            self.sleep = None;
            return Poll::Pending;
        }
        self.sleep
            .get_or_insert_with(|| Box::pin(sleep(BEYOND_DOCUMENT)))
            .as_mut()
            .poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::mock::MockBody;

    /// Frames of so many bytes of a kind, and so often: what is held when the reading stops, and whether all came.
    fn read(frames: &[(u8, usize, usize)], limit: usize) -> (usize, bool) {
        let frames = frames.iter().flat_map(|&(byte, length, times)| {
            let data = Bytes::from(vec![byte; length]);
            std::iter::repeat_n(data, times)
        });
        let mut body = MockBody::of(frames);
        let mut peek = Peek::new(Reach::Peek(limit));
        let mut watcher = AnswerWatcher::of(&http::HeaderMap::new());
        let mut cx = Context::from_waker(Waker::noop());
        let peeked = peek.poll_read(&mut body, &mut watcher, |_| {}, &mut cx);
        (peek.held, matches!(peeked, Poll::Ready(Peeked::Whole)))
    }

    #[test]
    fn a_peek_holds_its_limit_and_a_mebibyte_of_blanks() {
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
