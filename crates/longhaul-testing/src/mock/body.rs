//! A body that takes steps.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{BoxError, reset};

/// What a [`MockBody`] does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// A piece of data.
    Data(Bytes),
    /// Trailers.
    Trailers(HeaderMap),
    /// `Pending` once, with the waker woken at once.
    Pending,
    /// Nothing for this long, by tokio's clock.
    Wait(Duration),
    /// The error of a connection that was reset; see [`reset`].
    Break,
    /// An error with this message.
    Fail(&'static str),
    /// Nothing, for ever, and no waking.
    Hang,
}

impl Step {
    /// A piece of data, of whatever becomes bytes.
    pub fn data(data: impl Into<Bytes>) -> Self {
        Self::Data(data.into())
    }

    /// Nothing for so many seconds.
    pub const fn wait(seconds: u64) -> Self {
        Self::Wait(Duration::from_secs(seconds))
    }
}

/// A body that takes its steps, and ends. By itself it tells no length.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use http_body_util::BodyExt;
/// use longhaul_testing::{MockBody, Step};
///
/// let mut body = MockBody::of(["half"]).then(Step::wait(60)).then(Step::Break);
/// assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
/// assert!(body.frame().await.unwrap().is_err(), "after a minute");
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MockBody {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    hint: SizeHint,
    tells_end: bool,
    taken: Arc<AtomicU64>,
}

impl MockBody {
    /// A body that takes these steps, one after the other, and ends.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            ..Self::default()
        }
    }

    /// These pieces, each at once.
    pub fn of<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::new(pieces.into_iter().map(Step::data))
    }

    /// The same body with one step more at its end.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// The same body with this as its `size_hint`; it does not change as pieces are taken.
    #[must_use]
    pub fn hinting(mut self, hint: SizeHint) -> Self {
        self.hint = hint;
        self
    }

    /// The same, at whose end a reader sees that nothing follows.
    #[must_use]
    pub fn telling_its_end(mut self) -> Self {
        self.tells_end = true;
        self
    }

    /// How many bytes were taken of it, also once it is gone.
    pub fn taken(&self) -> Arc<AtomicU64> {
        self.taken.clone()
    }
}

impl Body for MockBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        while let Some(&Step::Wait(wait)) = this.steps.front() {
            let clock = this.sleep.get_or_insert_with(|| Box::pin(sleep(wait)));
            ready!(clock.as_mut().poll(cx));
            this.sleep = None;
            this.steps.pop_front();
        }
        if let Some(Step::Hang) = this.steps.front() {
            return Poll::Pending;
        }
        Poll::Ready(match this.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => {
                this.taken.fetch_add(data.len() as u64, Ordering::Relaxed);
                Some(Ok(Frame::data(data)))
            }
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Break) => Some(Err(reset())),
            Some(Step::Fail(why)) => Some(Err(why.into())),
            Some(Step::Pending | Step::Wait(_) | Step::Hang) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
