//! What stands below every contender: a client that costs as little as a client can.
//!
//! Everything that a layer costs is measured as the difference to this one alone, so it reads its request whole, as a
//! connection does, and allocates nothing but the head of its answer. It keeps no waker: who measures polls by hand,
//! and knows when the answer is due.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use longhaul::BoxError;
use tower::Service;

/// What every call is answered with.
const ANSWER: &str =
    r#"{"created":1,"data":[{"b64_json":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}]}"#;

/// When the answer comes.
#[derive(Clone, Debug)]
pub(crate) enum Answering {
    AtOnce,
    /// Pending once, so that every timer above is armed.
    AfterOnePoll,
    /// Pending until this is set.
    WhenReleased(Arc<AtomicBool>),
}

/// A client that takes a request whole, as a connection does, and allocates nothing but the head of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Mock {
    answering: Answering,
}

impl Mock {
    pub(crate) const fn new(answering: Answering) -> Self {
        Self { answering }
    }
}

impl<B> Service<Request<B>> for Mock
where
    B: Body + Unpin,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let mut body = request.into_body();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(_))) = Pin::new(&mut body).poll_frame(&mut cx) {}
        Answer {
            after: self.answering.clone(),
        }
    }
}

/// The future of a [`Mock`].
#[derive(Debug)]
pub(crate) struct Answer {
    after: Answering,
}

impl Future for Answer {
    type Output = Result<Response<Full<Bytes>>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.after {
            Answering::AtOnce => {}
            Answering::AfterOnePoll => {
                self.after = Answering::AtOnce;
                return Poll::Pending;
            }
            Answering::WhenReleased(released) if !released.load(Relaxed) => return Poll::Pending,
            Answering::WhenReleased(_) => {}
        }
        let answer = Response::builder()
            .header("content-type", "application/json")
            .body(Full::from(ANSWER))?;
        Poll::Ready(Ok(answer))
    }
}
