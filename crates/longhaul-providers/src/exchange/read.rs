//! Reading an answer to its end, within a limit.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use longhaul::BoxError;
use tokio::time::timeout;

use super::Bytewise;

/// What became of the reading.
pub(crate) enum Read<R> {
    /// All of it, in one piece.
    Whole(Bytes),
    /// It is longer than the limit: what came, and the rest.
    Longer(Bytes, R),
    /// It broke off, or fell silent.
    Broken(BoxError),
}

/// Reads `body` into one piece of at most about `limit` bytes. A silence longer than `idle`, where there is such a
/// limit, breaks it off.
pub(crate) async fn read<R>(mut body: R, limit: usize, idle: Option<Duration>) -> Read<R>
where
    R: Bytewise,
{
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
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

fn either(first: Bytes, joined: BytesMut) -> Bytes {
    if joined.is_empty() {
        first
    } else {
        joined.freeze()
    }
}
