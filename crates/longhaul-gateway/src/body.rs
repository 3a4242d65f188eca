//! Bodies: one that holds something until it ends, and reading a caller's within limits.
//!
//! A caller's body is read whole before anything is sent, so that a caller who stops half way costs nothing; and it is read within
//! limits, so that one who never stops costs little.

#[cfg(test)]
mod tests;

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use crate::{config::ServerLimits, core::BoxError, refusal::Refusal};

pin_project! {
    /// A body with something that is dropped when it ends, fails or is dropped itself.
    ///
    /// A place at an upstream is given back with the last byte of the answer, and not with its head: this is what holds it meanwhile.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use http_body_util::{BodyExt, Full};
    /// use longhaul_gateway::body::Holding;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let place = Arc::new(());
    /// let mut body = Holding::new(Full::<bytes::Bytes>::from("picture"), place.clone());
    /// assert_eq!(Arc::strong_count(&place), 2);
    /// while body.frame().await.is_some() {}
    /// assert_eq!(Arc::strong_count(&place), 1);
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct Holding<B, G> {
        // Before what is held, so that it is dropped first.
        #[pin]
        inner: B,
        held: Option<G>,
    }
}

impl<B, G> Holding<B, G> {
    /// `inner`, which holds `held` until its end.
    pub const fn new(inner: B, held: G) -> Self {
        Self {
            inner,
            held: Some(held),
        }
    }
}

impl<B: Body, G> Body for Holding<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            *this.held = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What a piece of a connection's read buffer can be; larger ones are no part of it.
///
/// A body of one piece up to this is copied, 64 KiB at most once; a larger piece is handed on as it is.
const READ_BUFFER: usize = 64 * 1024;

/// How much of a caller's body is read, and how long that may take.
///
/// A caller that sends a byte a minute holds a connection, and with enough of them the gateway. Defaults: 64 MiB, 30 s, 10 min.
///
/// ```
/// use std::time::Duration;
/// use http_body_util::Full;
/// use longhaul_gateway::body::ReadLimits;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let limits = ReadLimits { bytes: 4, silence: Duration::from_secs(30), time: Duration::from_secs(600) };
/// assert_eq!(limits.read(Full::<bytes::Bytes>::from("four")).await.unwrap(), "four");
/// let refusal = limits.read(Full::<bytes::Bytes>::from("a hat")).await.unwrap_err();
/// assert_eq!(refusal.status(), 413);
/// # }
/// ```
///
/// It is checked before any byte of the body is kept where the length is announced, and at each piece where it is
/// not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadLimits {
    /// Bytes of one body that is read whole. One that is passed on may have more.
    pub bytes: u64,
    /// How long no byte may come.
    pub silence: Duration,
    /// How long a body may take that is read whole, from its first byte to its last.
    pub time: Duration,
}

impl From<&ServerLimits> for ReadLimits {
    fn from(limits: &ServerLimits) -> Self {
        Self {
            bytes: limits.body_bytes,
            silence: limits.body_silence,
            time: limits.body_time,
        }
    }
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self::from(&ServerLimits::default())
    }
}

/// A caller's body that is passed on, and ends in an error where it stands still for too long.
///
/// For requests that are only passed on, whose bodies may be longer than memory:
///
/// ```
/// use std::time::Duration;
/// use http_body_util::{BodyExt, StreamBody};
/// use longhaul_gateway::body::ReadLimits;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let never = futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>();
/// let limits = ReadLimits { silence: Duration::from_secs(30), ..ReadLimits::default() };
/// let stalled = limits.paced(StreamBody::new(never)).collect().await;
/// assert!(stalled.unwrap_err().to_string().contains("did not arrive in time"));
/// # }
/// ```
#[derive(Debug)]
pub struct Paced<B> {
    inner: B,
    silence: Duration,
    /// Made at the first pending poll after each piece: a caller that sends steadily pays for no timer.
    still: Option<Pin<Box<Sleep>>>,
}

impl<B> Body for Paced<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.still = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let silence = this.silence;
        let still = this.still.get_or_insert_with(|| Box::pin(sleep(silence)));
        ready!(still.as_mut().poll(cx));
        Poll::Ready(Some(
            Err("the request's body did not arrive in time".into()),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl ReadLimits {
    /// `body` as it comes, of any length, unless it stands still for longer than [`silence`](Self::silence).
    pub const fn paced<B>(self, body: B) -> Paced<B> {
        Paced {
            inner: body,
            silence: self.silence,
            still: None,
        }
    }

    /// Reads `body` to its end; nothing is sent before.
    ///
    /// One piece is not copied where it is large; several are put together once. Trailers are dropped. Dropped in the
    /// middle, nothing was sent and nothing stays.
    ///
    /// # Errors
    ///
    /// 413 for more bytes than these, 408 for a body that stands still or takes too long, 400 for one that breaks off; each as an answer
    /// for the caller, that says that nothing was sent.
    pub async fn read<B>(self, body: B) -> Result<Bytes, Refusal>
    where
        B: Body,
        B::Data: Into<Bytes>,
        B::Error: Into<BoxError>,
    {
        if body.size_hint().lower() > self.bytes {
            return Err(self.too_large());
        }
        let end = after(self.time);
        let mut body = std::pin::pin!(body);
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        loop {
            let silent_until = end.min(after(self.silence));
            let frame = match timeout_at(silent_until, body.frame()).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => {
                    return Err(Refusal::new(
                        StatusCode::BAD_REQUEST,
                        "request_body",
                        "the request's body broke off; nothing was sent",
                    ));
                }
                Err(_) => {
                    return Err(Refusal::new(
                        StatusCode::REQUEST_TIMEOUT,
                        "request_body_slow",
                        "the request's body did not arrive in time; nothing was sent",
                    ));
                }
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let data: Bytes = data.into();
            let length = all.len() + first.as_ref().map_or(0, Bytes::len) + data.len();
            if length as u64 > self.bytes {
                return Err(self.too_large());
            }
            match first.take() {
                None if all.is_empty() => first = Some(data),
                earlier => {
                    all.extend_from_slice(&earlier.unwrap_or_default());
                    all.extend_from_slice(&data);
                }
            }
        }
        Ok(match first {
            // Copied out of the connection's read buffer, which would stay alive with it for minutes.
            Some(only) if only.len() <= READ_BUFFER => Bytes::copy_from_slice(&only),
            Some(only) => only,
            None => all.freeze(),
        })
    }

    /// It names the key: the limit is the operator's, and not the provider's.
    fn too_large(&self) -> Refusal {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            format!(
                "the request's body is longer than {} bytes; nothing was sent: raise `limits.body_bytes`",
                self.bytes
            ),
        )
    }
}

/// Longer spans than a year are one year: a limit of `u64::MAX` seconds means "never", and no clock reaches so far.
fn after(span: Duration) -> Instant {
    const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + span.min(A_YEAR)
}
