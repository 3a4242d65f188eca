//! The body of an answer.
//!
//! A body is a queue of steps, and a fault is a change to the queue: half of the data taken out, an end that is none
//! put behind it. So one `poll_frame` serves all faults, and what a client sees is decided before the first byte
//! leaves. Who waits for the end (the oracle) is told by [`Ending`] exactly once; a body that is dropped before its end
//! drops the callback, by which the exchange knows that the client has left.

mod shapes;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

use crate::{
    SimError, SimErrorKind,
    line::{HangUp, Line},
};

/// The longest piece that is handed on at once.
const SLICE: usize = 256 * 1024;

/// The body of an answer: shared pieces of at most 256 KiB, and whatever the [`Fault`](crate::Fault) makes of it.
///
/// Its size hint is exact and [`is_end_stream`](http_body::Body::is_end_stream) is true as soon as the last piece is
/// taken, but for bodies whose length is not told. The oracle counts an answer as delivered when the last piece is
/// taken; on an HTTP/1.1 socket, when it is written too.
///
/// ```
/// use http_body::Body;
/// use http_body_util::BodyExt;
/// use longhaul_sim::{Provider, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().script("truncated".parse()?).image_weight(Weight::Tiny).build()?;
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// let body = provider.oneshot(request).await?.into_body();
/// assert!(body.size_hint().exact().is_some(), "it promises all of it");
/// assert!(body.collect().await.is_err(), "and breaks off half way");
/// # Ok(()) }
/// ```
///
/// It is read as any body is. `Debug` shows lengths and never the picture.
pub struct Body {
    /// What is still to come, in order.
    steps: VecDeque<Step>,
    /// What is left of the length that is told, if it is told.
    left: Option<u64>,
    /// How large the slices are, and the pause between two of them.
    pace: Pace,
    /// The pause that is running.
    pause: Option<Pin<Box<Sleep>>>,
    /// When the line is to be kept open next, through all stages.
    next_beat: Option<Pin<Box<Sleep>>>,
    /// Whoever is to be told of the end.
    ending: Option<Ending>,
    /// The connection, on a socket.
    line: Option<Line>,
}

/// Learns whether the body ended as a whole; dropped unused when it was dropped before its end.
pub(crate) type Ending = Box<dyn FnOnce(bool) + Send + Sync>;

/// A finished body that is waited for.
pub(crate) type Later = Pin<Box<dyn Future<Output = Vec<Bytes>> + Send + Sync>>;

/// How fast the pieces come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// In bytes.
    pub(crate) slice: usize,
    /// On tokio's clock, already scaled.
    pub(crate) pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            slice: SLICE,
            pause: Duration::ZERO,
        }
    }
}

/// A part of a body that comes in several.
pub(crate) enum Stage {
    /// Bytes that are there.
    Data(Vec<Bytes>),
    /// A beat at intervals until the data is there.
    Wait(Option<(Duration, Bytes)>, Later),
    /// Nothing more, and no end.
    Never,
    /// The end, but not of a whole body.
    Stop,
    /// The connection breaks.
    Fail,
}

impl Stage {
    /// With a beat at intervals, if one is given.
    pub(crate) fn wait(beat: Option<(Duration, Bytes)>, rest: Later) -> Self {
        Self::Wait(beat, rest)
    }
}

enum Step {
    Data(Bytes),
    /// What keeps the line open, at intervals, until the rest is there.
    Beats {
        beat: Option<(Duration, Bytes)>,
        rest: Later,
    },
    /// All that makes the document has left: it is delivered, whatever becomes of the connection.
    Whole,
    /// Waits until what came before has reached the socket, so that the end does not swallow it.
    Flush(Option<oneshot::Receiver<()>>),
    /// Nothing more, and no end.
    Never,
    /// The end, but not of a whole body.
    Stop,
    /// The connection breaks.
    Fail,
}

impl Body {
    /// The same body, sent slowly.
    pub(crate) fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// The same body, on a socket's connection; `None` in process.
    pub(crate) fn on_line(self, line: Option<Line>) -> Self {
        Self { line, ..self }
    }

    /// Calls `ending` at its end. An empty body is at its end at once.
    pub(crate) fn ending(mut self, ending: impl FnOnce(bool) + Send + Sync + 'static) -> Self {
        self.ending = Some(Box::new(ending));
        if self.steps.is_empty() {
            self.end(true);
        }
        self
    }

    /// Tells of the end, once. On a socket a whole body has ended when its last byte was flushed.
    fn end(&mut self, whole: bool) {
        let Some(ending) = self.ending.take() else {
            return;
        };
        match &self.line {
            Some(line) if whole => line.after_flush(move || ending(true)),
            _ => ending(whole),
        }
    }

    /// The next piece, at most a slice long; tells of the end with the last one.
    fn take_slice(&mut self) -> Option<Bytes> {
        let Some(Step::Data(piece)) = self.steps.front_mut() else {
            return None;
        };
        let slice = piece.split_to(piece.len().min(self.pace.slice));
        if piece.is_empty() {
            self.steps.pop_front();
        }
        self.left = self
            .left
            .map(|left| left.saturating_sub(slice.len() as u64));
        if matches!(self.steps.front(), None | Some(Step::Whole)) {
            self.end(true);
        } else if !self.pace.pause.is_zero() {
            self.pause = Some(Box::pin(tokio::time::sleep(self.pace.pause)));
        }
        Some(slice)
    }
}

/// Steps of these pieces; an empty piece would be an empty frame.
fn data(pieces: Vec<Bytes>) -> VecDeque<Step> {
    pieces
        .into_iter()
        .filter(|piece| !piece.is_empty())
        .map(Step::Data)
        .collect()
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = SimError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        let this = self.get_mut();
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            match this.steps.front_mut() {
                None => {
                    this.end(true);
                    return Poll::Ready(None);
                }
                Some(Step::Data(_)) => {
                    return Poll::Ready(this.take_slice().map(|slice| Ok(Frame::data(slice))));
                }
                Some(Step::Beats { beat, rest }) => {
                    if let Poll::Ready(rest) = rest.as_mut().poll(cx) {
                        this.steps.pop_front();
                        for step in data(rest).into_iter().rev() {
                            this.steps.push_front(step);
                        }
                        continue;
                    }
                    let Some((every, beat)) = beat else {
                        return Poll::Pending;
                    };
                    let sleep = || Box::pin(tokio::time::sleep(*every));
                    let next = this.next_beat.get_or_insert_with(sleep);
                    ready!(next.as_mut().poll(cx));
                    next.as_mut().reset(Instant::now() + *every);
                    return Poll::Ready(Some(Ok(Frame::data(beat.clone()))));
                }
                Some(Step::Whole) => {
                    this.steps.pop_front();
                    this.end(true);
                }
                Some(Step::Flush(flushed)) => {
                    if let Some(line) = &this.line {
                        let flushed = flushed.get_or_insert_with(|| {
                            let (tell, flushed) = oneshot::channel();
                            // Nobody waits any more when the client has gone meanwhile.
                            line.after_flush(move || {
                                let _ = tell.send(());
                            });
                            flushed
                        });
                        drop(ready!(Pin::new(flushed).poll(cx)));
                    }
                    this.steps.pop_front();
                }
                Some(Step::Never) => return Poll::Pending,
                Some(Step::Stop) => {
                    this.steps.clear();
                    this.end(false);
                    return Poll::Ready(None);
                }
                Some(Step::Fail) => {
                    this.steps.clear();
                    this.end(false);
                    if let Some(line) = &this.line {
                        line.hang_up(HangUp::Close);
                    }
                    return Poll::Ready(Some(Err(SimError::new(SimErrorKind::Truncated))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("left", &self.left)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
