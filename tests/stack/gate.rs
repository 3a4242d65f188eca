//! A service that keeps tower's contract to the letter, and every layer around it.

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use longhaul::{
    BoxError, Error, Stack,
    billing::{BillingCompensationTrackerLayer, MemoryLedger},
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    http1::ForceHttp1Layer,
    in_flight::InFlightLayer,
    retry::ClassifyingRetryLayer,
    timeout::SizeAwareTimeoutLayer,
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

use crate::bench::tested;

#[derive(Clone, Copy, Default)]
pub(crate) enum Readiness {
    #[default]
    Ready,
    Pending,
    Broken,
}

/// Answers with a [`Payload`]. Each clone has to be made ready by itself, and panics where it is called
/// without.
#[derive(Default)]
pub(crate) struct Gate {
    shared: Arc<Mutex<Shared>>,
    readied: bool,
}

#[derive(Default)]
struct Shared {
    readiness: Readiness,
    waiting: Option<Waker>,
    answer: Payload,
    seen: Vec<Told>,
}

impl Gate {
    /// Lets everybody through, and answers so.
    pub(crate) fn answering(answer: Payload) -> Self {
        let gate = Self::default();
        gate.shared().answer = answer;
        gate
    }

    pub(crate) fn set(&self, readiness: Readiness) {
        let waiting = {
            let mut shared = self.shared();
            shared.readiness = readiness;
            shared.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// What the request bodies told, one call after the other.
    pub(crate) fn seen(&self) -> Vec<Told> {
        self.shared().seen.clone()
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
    type Response = Response<Payload>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Payload>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut shared = self.shared.lock().unwrap();
        match shared.readiness {
            Readiness::Ready => {
                self.readied = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Pending => {
                shared.waiting = Some(cx.waker().clone());
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
        ready(Ok(Response::new(shared.answer.clone())))
    }
}

/// What a body says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) lower: u64,
    pub(crate) upper: Option<u64>,
    pub(crate) ended: bool,
}

impl Told {
    pub(crate) fn by(body: &impl Body) -> Self {
        let hint = body.size_hint();
        Self {
            lower: hint.lower(),
            upper: hint.upper(),
            ended: body.is_end_stream(),
        }
    }
}

/// A body of these frames, which may or may not tell its length and its end.
#[derive(Clone, Default, Debug)]
pub(crate) struct Payload {
    pub(crate) frames: VecDeque<Bytes>,
    pub(crate) mute: bool,
}

impl Payload {
    pub(crate) fn of(frames: &[&'static str]) -> Self {
        Self {
            frames: frames.iter().map(|&frame| frame.into()).collect(),
            mute: false,
        }
    }

    pub(crate) fn mute(self) -> Self {
        Self { mute: true, ..self }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.frames.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.mute {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum())
    }

    fn is_end_stream(&self) -> bool {
        !self.mute && self.frames.is_empty()
    }
}

pub(crate) type Wrapped =
    BoxCloneService<Request<Full<Bytes>>, Response<UnsyncBoxBody<Bytes, Error>>, Error>;

fn wrapped<S, B>(service: S) -> Wrapped
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Both pass on what the body says of itself.
    let boxed =
        |response: Response<B>| response.map(|body| body.map_err(Error::from_inner).boxed_unsync());
    BoxCloneService::new(service.map_response(boxed))
}

/// The table of all layers, each alone around `gate`, and all of them together.
pub(crate) fn every_layer_around(gate: &Gate) -> Vec<(&'static str, Wrapped)> {
    let gate = || gate.clone();
    let policy = tested(Default::default());
    let tracker =
        BillingCompensationTrackerLayer::new(policy.billing.clone(), MemoryLedger::new()).unwrap();
    vec![
        (
            "DetectWorkload",
            wrapped(DetectWorkloadLayer::default().layer(gate())),
        ),
        (
            "ClassifyingRetry",
            wrapped(ClassifyingRetryLayer::default().layer(gate())),
        ),
        ("InFlight", wrapped(InFlightLayer::default().layer(gate()))),
        ("BillingCompensationTracker", wrapped(tracker.layer(gate()))),
        ("Classify", wrapped(ClassifyLayer::default().layer(gate()))),
        (
            "SizeAwareTimeout",
            wrapped(SizeAwareTimeoutLayer::default().layer(gate())),
        ),
        (
            "ForceHttp1",
            wrapped(ForceHttp1Layer::default().layer(gate())),
        ),
        ("Stack", wrapped(Stack::new(policy).unwrap().layer(gate()))),
    ]
}
