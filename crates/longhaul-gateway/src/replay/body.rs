//! One body type for all that a caller can get from this layer: what is in memory, an operation's spool, a kept file,
//! an object of the store.
//!
//! Who reads never drives the operation: its task does. So a caller may read at any speed, stop, or leave; the spool
//! goes on. Files are read in pieces on the runtime's blocking threads, one at a time: a slow caller
//! holds 128 KiB and not the picture.
//!
//! Each source knows the length that the answer had. One that ends before it is an error, never a shorter answer:
//! half a picture must not look like a whole one. Test: `an_answer_is_read_without_opening_its_file_again`.

use std::{
    fmt, fs,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::{
    fs::File,
    io::{AsyncRead as _, ReadBuf},
    task::JoinHandle,
};

use super::{
    operation::Operation,
    spool::{Found, Spool, read},
    store::StoredAnswer,
};
use crate::{core::BoxError, progress::Presence};

/// Bytes that are read from the disk at once.
///
/// For each caller that reads from the disk, this is what it holds in memory; less would be more round trips to a
/// blocking thread for each picture.
const PIECE: u64 = 128 * 1024;

/// An answer's body: as it comes, from the disk, or the gateway's own words.
///
/// Its length is known from the start where the answer is whole already, so that a server sends a `Content-Length`;
/// the body of an operation that runs has none. It ends in an error where the operation broke off, where a kept file
/// or object is shorter than it was, and where it cannot be read.
///
/// Dropped before its end, the caller has left. That ends nothing that [was sent](crate::detach), and leaves a retry
/// of an SDK free to attach.
pub struct ResponseBody {
    source: Source,
    /// Until the last byte is out.
    ///
    /// `None` for readers who are no callers: the upload to the store, and kept answers.
    caller: Option<(Arc<Operation>, Presence)>,
}

/// Where the bytes come from, and how far the reader is.
enum Source {
    /// The gateway's own words, or a ticket.
    Bytes(Option<Bytes>),
    /// An operation of this process, while it runs and as long as its file is open.
    Spool {
        spool: Spool,
        /// `None` where all of it is in memory: then a place that is on the disk is an error.
        file: Option<Arc<fs::File>>,
        /// The read that is under way; kept here, since a poll may be the last for a while.
        reading: Option<JoinHandle<io::Result<Bytes>>>,
        /// Bytes that were handed over.
        at: u64,
    },
    /// An answer of an earlier process, or of this one once it has forgotten the operation.
    File {
        before: Option<Bytes>,
        file: File,
        left: u64,
        after: Option<Bytes>,
    },
    /// An answer in the object store.
    Stored {
        before: Option<Bytes>,
        answer: StoredAnswer,
        after: Option<Bytes>,
    },
}

impl ResponseBody {
    pub(super) fn of_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Bytes(Some(bytes.into())))
    }

    /// As it comes. `None` where its file is gone: then the store may have it.
    ///
    /// The upload reads by it, and must not count as a caller: an operation whose only reader is the upload has
    /// nobody who waits. Others are a [caller's](Self::of_caller).
    pub(super) async fn of_spool(spool: Spool) -> io::Result<Option<Self>> {
        let file = spool.file().await?;
        if file.is_none() && !spool.is_in_memory() {
            return Ok(None);
        }
        Ok(Some(Self::new(Source::Spool {
            spool,
            file,
            reading: None,
            at: 0,
        })))
    }

    /// For a caller of `operation`, who is there until it has all of it.
    pub(super) fn of_caller(self, operation: Arc<Operation>, presence: Presence) -> Self {
        Self {
            caller: Some((operation, presence)),
            ..self
        }
    }

    /// An answer from the store, with something before and after it.
    pub(super) const fn of_stored(before: Bytes, answer: StoredAnswer, after: Bytes) -> Self {
        Self::new(Source::Stored {
            before: Some(before),
            answer,
            after: Some(after),
        })
    }

    /// `length` bytes of a file, with something before and after them.
    pub(super) fn of_file(before: Bytes, file: File, length: u64, after: Bytes) -> Self {
        Self::new(Source::File {
            before: Some(before),
            file,
            left: length,
            after: Some(after),
        })
    }

    const fn new(source: Source) -> Self {
        Self {
            source,
            caller: None,
        }
    }

    /// The next piece. Pieces of the gateway's own around an answer come as they are; an empty one is left out, since
    /// a server may take an empty frame for the end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        match &mut self.source {
            Source::Bytes(bytes) => {
                let rest = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(rest.map(Ok))
            }
            Source::Spool {
                spool,
                file,
                reading,
                at,
            } => {
                let piece = match spool.find(*at, cx) {
                    Found::Pending => return Poll::Pending,
                    Found::End => return Poll::Ready(None),
                    Found::Broken(why) => return Poll::Ready(Some(Err(why.to_string().into()))),
                    Found::InMemory(piece) => piece,
                    Found::OnDisk(bytes) => {
                        let Some(file) = file else {
                            return Poll::Ready(Some(Err(
                                "the kept answer cannot be opened".into()
                            )));
                        };
                        let read =
                            reading.get_or_insert_with(|| read(file.clone(), *at, at_most(bytes)));
                        let piece = ready!(Pin::new(read).poll(cx));
                        *reading = None;
                        let piece = piece??;
                        if piece.is_empty() {
                            return Poll::Ready(Some(Err(SHORTER.into())));
                        }
                        piece
                    }
                };
                *at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                Poll::Ready(Some(Ok(piece)))
            }
            Source::File {
                before,
                file,
                left,
                after,
            } => {
                if let Some(before) = before.take().filter(|bytes| !bytes.is_empty()) {
                    return Poll::Ready(Some(Ok(before)));
                }
                if *left > 0 {
                    let piece = ready!(poll_read(file, *left, cx))?;
                    *left -= u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    return Poll::Ready(Some(Ok(piece)));
                }
                let after = after.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(after.map(Ok))
            }
            Source::Stored {
                before,
                answer,
                after,
            } => {
                if let Some(before) = before.take().filter(|bytes| !bytes.is_empty()) {
                    return Poll::Ready(Some(Ok(before)));
                }
                if answer.length > 0 {
                    let Some(piece) = ready!(answer.pieces.as_mut().poll_next(cx)?) else {
                        return Poll::Ready(Some(Err(SHORTER.into())));
                    };
                    let read = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    answer.length = answer.length.saturating_sub(read);
                    return Poll::Ready(Some(Ok(piece)));
                }
                let after = after.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(after.map(Ok))
            }
        }
    }
}

/// A file that was cut off, or an object that was replaced: told to the caller's connection as an error, not as an
/// end.
const SHORTER: &str = "the kept answer is shorter than it was";

/// As many of `left` bytes as are read at once.
fn at_most(left: u64) -> usize {
    usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX)
}

/// At most `left` bytes, and at least one.
///
/// No byte before the length is reached is an error, not the end.
fn poll_read(file: &mut File, left: u64, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
    let mut piece = BytesMut::zeroed(at_most(left));
    let mut buffer = ReadBuf::new(&mut piece);
    ready!(Pin::new(file).poll_read(cx, &mut buffer))?;
    let read = buffer.filled().len();
    if read == 0 {
        return Poll::Ready(Err(SHORTER.into()));
    }
    piece.truncate(read);
    Poll::Ready(Ok(piece.freeze()))
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let piece = ready!(this.poll(cx));
        match &piece {
            Some(Ok(_)) => {}
            None => {
                if let Some((operation, _)) = this.caller.take() {
                    operation.delivered();
                }
            }
            Some(Err(_)) => this.caller = None,
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        match &self.source {
            Source::Bytes(bytes) => SizeHint::with_exact(length(bytes)),
            Source::Spool { spool, at, .. } => spool
                .whole()
                .map_or_else(SizeHint::new, |total| SizeHint::with_exact(total - at)),
            Source::File {
                before,
                left,
                after,
                ..
            } => SizeHint::with_exact(length(before) + left + length(after)),
            Source::Stored {
                before,
                answer,
                after,
            } => SizeHint::with_exact(length(before) + answer.length + length(after)),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
