use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body of pieces that are held, and then the rest of another, if there is one.
    ///
    /// What these layers send and answer with: a body that passes unchanged is all rest; one that was put together has
    /// none. Nothing is copied.
    ///
    /// The type parameter of a client below these layers:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use longhaul_hyper::Client;
    /// use longhaul_providers::JoinedBody;
    ///
    /// let client: Client<JoinedBody<Full<Bytes>>> = Client::builder().plain_http_only().build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub struct JoinedBody<B> {
        pieces: VecDeque<Bytes>,
        #[pin]
        rest: Option<B>,
    }
}

impl<B> JoinedBody<B> {
    /// `body`, unchanged.
    pub(crate) const fn passing(body: B) -> Self {
        Self {
            pieces: VecDeque::new(),
            rest: Some(body),
        }
    }

    /// These pieces and nothing else.
    pub(crate) fn whole(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self {
            pieces: pieces.collect(),
            rest: None,
        }
    }

    /// These pieces, and then what is left of a body.
    pub(crate) fn joined(pieces: impl IntoIterator<Item = Bytes>, rest: B) -> Self {
        Self {
            rest: Some(rest),
            ..Self::whole(pieces)
        }
    }
}

impl<B> Body for JoinedBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(piece) = this.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match this.rest.as_pin_mut() {
            Some(rest) => rest.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.rest.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut hint = SizeHint::with_exact(held);
        let Some(rest) = &self.rest else {
            return hint;
        };
        let rest = rest.size_hint();
        match rest.upper().and_then(|upper| upper.checked_add(held)) {
            Some(upper) => {
                hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(held).min(upper));
                hint.set_upper(upper);
            }
            None => {
                hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(held));
            }
        }
        hint
    }
}

impl<B> fmt::Debug for JoinedBody<B> {
    // Lengths only: the content is somebody's prompt, or picture.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: usize = self.pieces.iter().map(Bytes::len).sum();
        f.debug_struct("JoinedBody")
            .field("held", &held)
            .field("rest", &self.rest.is_some())
            .finish()
    }
}
