//! A service that keeps tower's contract to the letter, and can be held anywhere on its way.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use longhaul::{Attempt, BoxError};
use tower::Service;

#[derive(Clone, Copy, Default)]
pub(super) enum Readiness {
    #[default]
    Ready,
    Pending,
    Broken,
}

/// When it goes on with a call. Its steps are the answer's head and each frame of its body, the end among them.
#[derive(Clone, Copy, Default)]
pub(super) enum Pace {
    #[default]
    AtOnce,
    /// Each step is pending once, so that there is a poll between any two.
    Stuttering,
    /// The step of this number, counted over all calls, waits until the pace is another.
    HeldAt(usize),
}

/// Reads the request whole and answers with a [`Payload`]. Each clone has to be made ready by itself, and panics where
/// it is called without.
#[derive(Default)]
pub(super) struct Gate {
    shared: Arc<Mutex<Shared>>,
    readied: bool,
}

#[derive(Default)]
struct Shared {
    readiness: Readiness,
    pace: Pace,
    steps: usize,
    waiting: Vec<Waker>,
    answer: Payload,
    seen: Vec<Told>,
    attempts: Vec<Attempt>,
    /// Held by every future and every body that has not been dropped.
    alive: Arc<()>,
}

impl Gate {
    /// Lets everybody through, and answers so.
    pub(super) fn answering(answer: Payload) -> Self {
        let gate = Self::default();
        gate.answer(answer);
        gate
    }

    /// Answers so from now on.
    pub(super) fn answer(&self, answer: Payload) {
        self.shared().answer = answer;
    }

    pub(super) fn set(&self, readiness: Readiness) {
        self.change(|shared| shared.readiness = readiness);
    }

    pub(super) fn pace(&self, pace: Pace) {
        self.change(|shared| shared.pace = pace);
    }

    /// Changes it, and wakes whoever waits for that.
    fn change(&self, change: impl FnOnce(&mut Shared)) {
        let waiting = {
            let mut shared = self.shared();
            change(&mut shared);
            std::mem::take(&mut shared.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What the request bodies told, one call after the other.
    pub(super) fn seen(&self) -> Vec<Told> {
        self.shared().seen.clone()
    }

    /// The attempts that calls came with.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.shared().attempts.clone()
    }

    /// How many futures and bodies of it are still there.
    pub(super) fn alive(&self) -> usize {
        Arc::strong_count(&self.shared().alive) - 1
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            readied: false,
        }
    }
}

impl<B: Body> Service<Request<B>> for Gate {
    type Response = Response<Paced>;
    type Error = BoxError;
    type Future = Answering<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut shared = self.shared.lock().unwrap();
        match shared.readiness {
            Readiness::Ready => {
                self.readied = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Pending => {
                shared.waiting.push(cx.waker().clone());
                Poll::Pending
            }
            Readiness::Broken => Poll::Ready(Err(io::Error::other("the gate is broken").into())),
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.readied),
            "called without readiness"
        );
        let mut shared = self.shared();
        shared.seen.push(Told::by(request.body()));
        let attempt = request.extensions().get::<Attempt>().cloned();
        shared.attempts.extend(attempt);
        Answering {
            request: Box::pin(request.into_body()),
            stepping: Some(Stepping {
                shared: self.shared.clone(),
                stuttered: false,
                _alive: shared.alive.clone(),
            }),
        }
    }
}

/// Goes from step to step at the gate's pace.
struct Stepping {
    shared: Arc<Mutex<Shared>>,
    stuttered: bool,
    _alive: Arc<()>,
}

impl Stepping {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.lock().unwrap();
        match shared.pace {
            Pace::HeldAt(step) if step == shared.steps => {
                shared.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            Pace::Stuttering if !self.stuttered => {
                self.stuttered = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Pace::AtOnce | Pace::Stuttering | Pace::HeldAt(_) => {}
        }
        self.stuttered = false;
        shared.steps += 1;
        Poll::Ready(())
    }
}

/// The answer to come, once the request is read whole.
pub(super) struct Answering<B> {
    request: Pin<Box<B>>,
    stepping: Option<Stepping>,
}

impl<B: Body> Future for Answering<B> {
    type Output = Result<Response<Paced>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while !self.request.is_end_stream() {
            match self.request.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err("a broken request".into())),
                Poll::Ready(None) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut stepping = self.stepping.take().expect("polled after its end");
        if stepping.poll_step(cx).is_pending() {
            self.stepping = Some(stepping);
            return Poll::Pending;
        }
        let payload = stepping.shared.lock().unwrap().answer.clone();
        Poll::Ready(match payload.breaks {
            Some(0) => Err(reset()),
            _ => Ok(Response::new(Paced { payload, stepping })),
        })
    }
}

/// A payload at the gate's pace.
pub(super) struct Paced {
    payload: Payload,
    stepping: Stepping,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.stepping.poll_step(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(left) = &mut self.payload.breaks {
            *left -= 1;
            if *left == 0 {
                return Poll::Ready(Some(Err(reset())));
            }
        }
        let frame = self.payload.frames.pop_front();
        Poll::Ready(frame.map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.payload.mute {
            return SizeHint::default();
        }
        let lengths = self.payload.frames.iter().map(|frame| frame.len() as u64);
        SizeHint::with_exact(lengths.sum())
    }

    fn is_end_stream(&self) -> bool {
        !self.payload.mute && self.payload.frames.is_empty()
    }
}

fn reset() -> BoxError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}

/// What a body says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) lower: u64,
    pub(super) upper: Option<u64>,
    pub(super) ended: bool,
}

impl Told {
    pub(super) fn by(body: &impl Body) -> Self {
        let hint = body.size_hint();
        Self {
            lower: hint.lower(),
            upper: hint.upper(),
            ended: body.is_end_stream(),
        }
    }
}

/// The frames of a body, which may or may not tell its length and its end.
#[derive(Clone, Default, Debug)]
pub(super) struct Payload {
    frames: VecDeque<Bytes>,
    pub(super) mute: bool,
    /// Whether it breaks: 0 instead of a head, else at that frame.
    breaks: Option<usize>,
}

impl Payload {
    /// A whole picture, in these frames.
    pub(super) const PICTURE: [&'static str; 2] = ["{\"data\":[{\"b64_json\":\"aW1n", "\"}]}"];

    /// What nothing is asked for again after: a success without a picture is asked for once more.
    pub(super) fn picture() -> Self {
        Self::of(&Self::PICTURE)
    }

    pub(super) fn of(frames: &[&'static str]) -> Self {
        Self {
            frames: frames.iter().map(|&frame| frame.into()).collect(),
            mute: false,
            breaks: None,
        }
    }

    pub(super) fn mute(self) -> Self {
        Self { mute: true, ..self }
    }

    /// The connection is reset instead of the head, for 0, or instead of that frame.
    pub(super) fn breaking_at(self, frame: usize) -> Self {
        Self {
            breaks: Some(frame),
            ..self
        }
    }
}
