//! Request bodies that can be sent again.
//!
//! A copy of a body is a second handle on the same bytes. That is only possible where all bytes are there before the first
//! attempt, and so a body is read ahead, up to a cap: above it, memory counts more than a second attempt.

mod read_ahead;
#[cfg(test)]
mod tests;

use std::{
    array, fmt,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};

pub(crate) use self::read_ahead::ReadAhead;
use super::hint::longer;
use crate::error::{BoxError, Error};

/// A request body that may be sent more than once.
///
/// Asked for by the retry layer and by [`Fallback`](crate::fallback). A copy is taken *before* a body is sent: it has what
/// is unread.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use longhaul::body::Replay;
///
/// let body: Full<Bytes> = Full::from("a cat");
/// assert!(body.try_clone().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no body that can be sent again",
    note = "put `DetectWorkload` above this layer, which makes a `ReplayBody` of any body, or send a `Full<Bytes>`"
)]
pub trait Replay: Sized {
    /// A second body with the same content, made without copying it; `None` where there can only be one.
    ///
    /// `None` is no failure: the operation then has one attempt. A body that was read in part has a clone of the rest, so ask
    /// before anything is sent.
    fn try_clone(&self) -> Option<Self>;

    /// All that it holds, without a copy: asked for where a request is made anew for another target. Default `None`: it
    /// cannot be seen.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use longhaul::body::Replay;
    ///
    /// let body: Full<Bytes> = Full::from("a cat");
    /// assert_eq!(body.content().as_deref(), Some(&b"a cat"[..]));
    /// ```
    fn content(&self) -> Option<Bytes> {
        None
    }
}

impl<D: Buf + Clone> Replay for Full<D> {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn content(&self) -> Option<Bytes> {
        // It shows its content to those alone who read it; a copy of `Bytes` is only another reference.
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.clone()).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let mut data = frame.into_data().ok()?;
                Some(data.copy_to_bytes(data.remaining()))
            }
            _ => Some(Bytes::new()),
        }
    }
}

impl<D> Replay for Empty<D> {
    fn try_clone(&self) -> Option<Self> {
        Some(Self::new())
    }
}

/// A request body that was read up to a cap before anything was sent.
///
/// One that ended within the cap is held as [`Bytes`] and replays as often as needed, by reference; its
/// trailers too. A longer one streams once: what was read, then the rest of `B`.
///
/// [`DetectWorkload`](crate::detect::DetectWorkload) makes it. `B` is `Unpin`, since what was read of it
/// must be able to move; a body that is not is put into a `Box::pin` by the caller.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul::Error> {
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use longhaul::{Error, body::{Replay, ReplayBody}, detect::DetectWorkloadLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let below = service_fn(async |request: Request<ReplayBody<Full<Bytes>>>| {
///     assert!(request.body().is_replayable());
///     assert_eq!(request.body().content().as_deref(), Some(&b"a cat"[..]));
///     Ok::<_, Error>(Response::new(()))
/// });
/// let service = DetectWorkloadLayer::default().layer(below);
/// service.oneshot(Request::new(Full::from("a cat"))).await?;
/// # Ok(()) }
/// ```
///
/// Without a body of one's own to read from, as in a test of a layer:
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use longhaul::body::{Replay, ReplayBody};
///
/// let body = ReplayBody::<Empty<Bytes>>::from(Bytes::from_static(b"a cat"));
/// let again = body.try_clone().expect("a held body");
/// assert_eq!(again.buffered(), body.buffered());
/// ```
pub struct ReplayBody<B>(State<B>);

enum State<B> {
    Buffered {
        data: Bytes,
        trailers: Option<Box<HeaderMap>>,
    },
    // Boxed: few bodies are above the cap, and all of them move through every layer.
    Streaming(Box<Streaming<B>>),
}

struct Streaming<B> {
    /// What was read before the cap was met: at most two pieces, so that neither is copied.
    prefix: array::IntoIter<Bytes, 2>,
    rest: B,
}

impl<B> ReplayBody<B> {
    fn buffered_with(data: Bytes, trailers: Option<Box<HeaderMap>>) -> Self {
        Self(State::Buffered { data, trailers })
    }

    fn streaming(prefix: [Bytes; 2], rest: B) -> Self {
        Self(State::Streaming(Box::new(Streaming {
            prefix: prefix.into_iter(),
            rest,
        })))
    }

    /// Whether it can be sent again. If not, the operation has a single attempt.
    ///
    /// `false` for a body above [`DetectPolicy::replay_limit`](crate::detect::DetectPolicy::replay_limit), and for one that
    /// the client's memory had no room for.
    pub const fn is_replayable(&self) -> bool {
        matches!(self.0, State::Buffered { .. })
    }

    /// The whole of its data, where it is held; `None` where it streams.
    ///
    /// To look at the request in a layer of one's own, without reading it:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Request;
    /// use longhaul::body::ReplayBody;
    ///
    /// /// Whether the request brings reference images, which some routes are too slow for.
    /// fn is_large<B>(request: &Request<ReplayBody<B>>) -> bool {
    ///     request.body().buffered().is_none_or(|data| data.len() > 4 << 20)
    /// }
    ///
    /// let small = ReplayBody::<http_body_util::Empty<Bytes>>::from(Bytes::from_static(b"{}"));
    /// assert!(!is_large(&Request::new(small)));
    /// ```
    pub const fn buffered(&self) -> Option<&Bytes> {
        match &self.0 {
            State::Buffered { data, .. } => Some(data),
            State::Streaming(_) => None,
        }
    }

    /// What was read of it: all data of a held body, the first piece of one that streams.
    pub(crate) fn first_piece(&self) -> &[u8] {
        match &self.0 {
            State::Buffered { data, .. } => data,
            State::Streaming(body) => body.prefix.as_slice().first().map_or(&[], |piece| piece),
        }
    }
}

impl<B> From<Bytes> for ReplayBody<B> {
    fn from(data: Bytes) -> Self {
        Self::buffered_with(data, None)
    }
}

impl<B> Replay for ReplayBody<B> {
    fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            State::Buffered { data, trailers } => {
                Some(Self::buffered_with(data.clone(), trailers.clone()))
            }
            State::Streaming(_) => None,
        }
    }

    fn content(&self) -> Option<Bytes> {
        self.buffered().cloned()
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = match &mut self.get_mut().0 {
            State::Buffered { data, trailers } => {
                if data.is_empty() {
                    trailers.take().map(|trailers| Frame::trailers(*trailers))
                } else {
                    Some(Frame::data(std::mem::take(data)))
                }
            }
            State::Streaming(body) => match body.prefix.find(|piece| !piece.is_empty()) {
                Some(piece) => Some(Frame::data(piece)),
                None => match ready!(Pin::new(&mut body.rest).poll_frame(cx)) {
                    Some(Ok(frame)) => Some(frame.map_data(into_bytes)),
                    // Not `ErrorKind::RequestBody`, which says that nothing was sent.
                    Some(Err(error)) => return Poll::Ready(Some(Err(Error::from_inner(error)))),
                    None => None,
                },
            },
        };
        Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Buffered { data, trailers } => data.is_empty() && trailers.is_none(),
            State::Streaming(body) => {
                body.prefix.as_slice().iter().all(Bytes::is_empty) && body.rest.is_end_stream()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Buffered { data, .. } => SizeHint::with_exact(data.len() as u64),
            State::Streaming(body) => {
                let held = body
                    .prefix
                    .as_slice()
                    .iter()
                    .map(|piece| piece.len() as u64)
                    .sum();
                longer(&body.rest.size_hint(), held)
            }
        }
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    // Lengths only: the content is somebody's prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ReplayBody");
        match &self.0 {
            State::Buffered { data, .. } => out.field("buffered", &data.len()),
            State::Streaming(body) => out.field(
                "prefix",
                &body.prefix.as_slice().iter().map(Bytes::len).sum::<usize>(),
            ),
        };
        out.finish_non_exhaustive()
    }
}

/// The whole of `data`: for `Bytes` a second reference, for anything else a copy.
fn into_bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}
