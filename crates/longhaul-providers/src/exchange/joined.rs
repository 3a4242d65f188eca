//! A body that is some pieces in memory and then, perhaps, the rest of another body.
//!
//! One type serves four uses: a request that passes, a request with a field put into it, an answer that was put
//! together, and an answer of which a first part was looked at. So a client below these layers has one type of request
//! bodies, and a caller above them one type of response bodies. Pieces are [`Bytes`], which share the memory of what
//! was read.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
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
    ///
    /// Its error is that of the body behind it. A body without a rest never fails. `size_hint` and `is_end_stream` are
    /// those of both parts together, so a request that was put together goes out with a `Content-Length`. Trailers of
    /// the rest are handed on, those of a body that was read to its end are gone. `Debug` shows lengths and no content.
    ///
    /// The body of a response is read as any other is:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_body::Body as _;
    /// use http_body_util::{BodyExt, Full};
    /// use longhaul_providers::{JoinedBody, tasks::{SubmitAndPollLayer, TasksPolicy}};
    /// use longhaul_sim::{Body, Provider};
    /// use tower::{Layer, ServiceExt};
    ///
    /// let provider = Provider::builder().build()?;
    /// let policy = TasksPolicy::default().at("sim.test", "openai-responses");
    /// let client = SubmitAndPollLayer::new(policy)?.layer(provider);
    /// let body = r#"{ "model": "gpt-5.1", "input": "a cat", "tools": [{ "type": "image_generation" }] }"#;
    /// let request = http::Request::post("http://sim.test/v1/responses").body(Full::from(body))?;
    /// let answer: JoinedBody<Body> = client.oneshot(request).await?.into_body();
    /// let length = answer.size_hint().exact().expect("it was collected whole");
    /// assert_eq!(answer.collect().await?.to_bytes().len() as u64, length);
    /// # Ok(()) }
    /// ```
    pub struct JoinedBody<B> {
        pieces: VecDeque<Bytes>,
        #[pin]
        rest: Option<B>,
        at_end: Option<AtEnd>,
    }
}

/// Called once, when a body has come to its end.
type AtEnd = Box<dyn FnOnce() + Send + Sync>;

impl<B> JoinedBody<B> {
    /// `body`, unchanged.
    ///
    /// Costs nothing: neither a frame is read nor memory allocated.
    pub(crate) const fn passing(body: B) -> Self {
        Self {
            pieces: VecDeque::new(),
            rest: Some(body),
            at_end: None,
        }
    }

    /// These pieces and nothing else.
    ///
    /// Empty pieces are left out, so that `is_end_stream` is true as soon as the last byte is taken.
    pub(crate) fn whole(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self {
            pieces: pieces.collect(),
            rest: None,
            at_end: None,
        }
    }

    /// These pieces, and then what is left of a body.
    ///
    /// For a body that was read up to a limit and turned out to be longer: what was read goes first, and nothing is
    /// read twice.
    pub(crate) fn joined(pieces: impl IntoIterator<Item = Bytes>, rest: B) -> Self {
        Self {
            rest: Some(rest),
            ..Self::whole(pieces)
        }
    }

    /// Calls `told` with the last frame, before its reader has it; never where the body breaks off or is left.
    pub(crate) fn at_end(mut self, told: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.at_end = Some(Box::new(told));
        self
    }
}

impl<B> Body for JoinedBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.as_mut().project();
        let frame = match (this.pieces.pop_front(), this.rest.as_pin_mut()) {
            (Some(piece), _) => Some(Ok(Frame::data(piece))),
            (None, Some(rest)) => ready!(rest.poll_frame(cx)),
            (None, None) => None,
        };
        let broken = matches!(frame, Some(Err(_)));
        if broken || frame.is_none() || self.is_end_stream() {
            let told = self.project().at_end.take();
            if let (Some(told), false) = (told, broken) {
                told();
            }
        }
        Poll::Ready(frame)
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
