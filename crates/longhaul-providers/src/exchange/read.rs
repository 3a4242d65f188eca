//! Reading an answer to its end, within a limit.
//!
//! One function for submits, polls, results, lists and refusals. Each caller has its own limit, and says what becomes
//! of a longer answer: a poll's is handed on as it comes, a list's is not read at all.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use longhaul::BoxError;
use tokio::time::timeout;

use super::Bytewise;

/// What became of the reading.
///
/// There is no third way out: whatever a server does, the reading ends in one of these, or lasts until the caller's own
/// deadline.
pub(crate) enum Read<R> {
    /// The whole body, in one piece.
    Whole(Bytes),
    /// It is longer than the limit: what came, and the rest.
    Longer(Bytes, R),
    /// The body broke off, or was silent for longer than allowed.
    Broken(BoxError),
}

/// Reads `body` into one piece of at most about `limit` bytes. A silence longer than `idle`, where there is such a
/// limit, breaks it off. One that says beforehand that it is longer is not read at all.
///
/// An answer that came in one frame is handed on as that frame. Otherwise its frames are joined into one buffer, which
/// is allocated once where the answer says its length: a JSON reader needs one slice, and growing by doubling would
/// copy 40 MB several times. One frame more than `limit` may be held, since a frame cannot be taken back. Trailers are
/// left out.
pub(crate) async fn read<R>(mut body: R, limit: usize, idle: Option<Duration>) -> Read<R>
where
    R: Bytewise,
{
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    if body.size_hint().lower() > limit as u64 {
        return Read::Longer(first, body);
    }
    loop {
        let next = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let next = match idle {
            Some(idle) => match timeout(idle, next).await {
                Ok(next) => next,
                Err(silent) => return Read::Broken(silent.into()),
            },
            None => next.await,
        };
        let data = match next {
            None => break,
            Some(Err(error)) => return Read::Broken(error.into()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(_) => continue,
            },
        };
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                let left = body.size_hint().exact().unwrap_or(0);
                let room = usize::try_from(left).unwrap_or(limit).min(limit);
                joined.reserve(first.len() + data.len() + room);
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
        if first.len().max(joined.len()) > limit && !body.is_end_stream() {
            return Read::Longer(either(first, joined), body);
        }
    }
    Read::Whole(either(first, joined))
}

/// The one frame, or what was joined: exactly one of them is filled.
fn either(first: Bytes, joined: BytesMut) -> Bytes {
    if joined.is_empty() {
        first
    } else {
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_says_that_it_is_too_long_is_not_read() {
        let read = read(Full::from(vec![0; 65]), 64, None).await;
        let Read::Longer(begun, left) = read else {
            panic!("it is longer than 64 bytes")
        };
        assert_eq!((begun.len(), left.size_hint().exact()), (0, Some(65)));
    }
}
