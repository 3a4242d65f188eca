//! The body as its caller reads it. It is a caller's presence as well: dropped before the end, the caller has left;
//! at the end, or at an error, it counts no longer, whoever still holds the body.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::mpsc;

use crate::{
    core::{BoxError, Error, ErrorKind},
    progress::Presence,
};

/// What a call's task hands on: a frame, `None` at the end of the answer, or why it broke off.
pub(super) type Piece = Result<Option<Frame<Bytes>>, Error>;

pin_project! {
    /// The answer's body: the inner one where a layer above polls the call, else what its task hands on.
    ///
    /// It ends in an error where the call was [stopped](super::DetachLayer::stop) in the middle. Its size hint is the
    /// inner body's, less what has passed.
    pub struct ResponseBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<B> {
        Inline {
            #[pin]
            inner: B,
        },
        Piped {
            pieces: mpsc::Receiver<Piece>,
            hint: SizeHint,
            // After an error there is nothing more, though a sender might still be alive.
            over: bool,
            presence: Option<Presence>,
        },
    }
}

impl<B> ResponseBody<B> {
    pub(super) const fn inline(inner: B) -> Self {
        Self {
            state: State::Inline { inner },
        }
    }

    pub(super) const fn piped(pieces: mpsc::Receiver<Piece>, hint: SizeHint) -> Self {
        Self {
            state: State::Piped {
                pieces,
                hint,
                over: false,
                presence: None,
            },
        }
    }

    /// The presence moves from the future of the head into the body, without a moment in between in which nobody
    /// waits.
    pub(super) fn held_by(mut self, caller: Option<Presence>) -> Self {
        if let State::Piped { presence, .. } = &mut self.state {
            *presence = caller;
        }
        self
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.project().state.project() {
            StateProj::Inline { inner } => {
                let frame = ready!(inner.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from_inner)))
            }
            StateProj::Piped {
                pieces,
                hint,
                over,
                presence,
            } => {
                if *over {
                    return Poll::Ready(None);
                }
                let frame = match ready!(pieces.poll_recv(cx)) {
                    Some(piece) => piece.transpose(),
                    // The call was stopped: what came of its answer is not the whole of it.
                    None => Some(Err(Error::new(ErrorKind::Disconnected))),
                };
                match &frame {
                    Some(Ok(frame)) => shorten(hint, frame),
                    _ => {
                        *over = true;
                        *presence = None;
                    }
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Inline { inner } => inner.is_end_stream(),
            State::Piped { hint, .. } => hint.exact() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Inline { inner } => inner.size_hint(),
            State::Piped { hint, .. } => Clone::clone(hint),
        }
    }
}

/// What is left of the body after `frame`.
///
/// A hint that stayed as it was would let a server promise more bytes than are to come.
fn shorten(hint: &mut SizeHint, frame: &Frame<Bytes>) {
    let Some(data) = frame.data_ref() else { return };
    let passed = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let mut left = SizeHint::new();
    left.set_lower(hint.lower().saturating_sub(passed));
    if let Some(upper) = hint.upper() {
        left.set_upper(upper.saturating_sub(passed));
    }
    *hint = left;
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Inline { .. } => "Inline",
            State::Piped { .. } => "Piped",
        };
        f.debug_struct("ResponseBody")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
