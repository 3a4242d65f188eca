//! The answers that are handed on while they come. What was seen of one is judged when its document ends, so that a reader
//! that stops there, a connection that stays open and one that breaks afterwards all leave the same class.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use super::{
    Classification, Classifier, EndOfStream,
    answer::AnswerWatcher,
    peek::{Linger, Peek},
    peeked_body::PeekedBody,
};
use crate::{
    error::{AttemptGuard, BoxError, Error, ErrorKind, diagnosis},
    model::{End, Workload},
};

/// The response body of [`Classify`](super::Classify): the provider's bytes, none changed, none left out.
///
/// Of an answer that was not held it says at the end what it was, also when it is dropped once its document is whole.
/// One that announced no length ends with its document, at most a second later, whatever its connection does.
#[derive(Debug)]
#[must_use = "a body does nothing unless polled"]
pub struct ResponseBody<B, C> {
    // Before `running`, so that it drops first and says what it knows.
    inner: PeekedBody<B>,
    // `None` once the attempt has its outcome. Boxed: most answers are judged before they are handed on, and the
    // bodies of all are moved through every layer.
    running: Option<Box<RunningAnswer<C>>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Passing,
    /// The data has passed; the end is not a good one.
    Failing(Error),
    Ended,
}

/// An attempt whose answer is handed on while it comes.
#[derive(Debug)]
pub(super) struct RunningAnswer<C> {
    pub(super) classifier: C,
    pub(super) status: StatusCode,
    pub(super) workload: Workload,
    pub(super) watcher: AnswerWatcher,
    /// So many bytes the watcher saw before they were handed on.
    pub(super) seen: usize,
    /// Its head says how long it is, so that its reader waits for all of it.
    pub(super) announced: bool,
    /// What it is, once its document is whole.
    pub(super) whole: Option<Classification>,
    pub(super) linger: Linger,
    pub(super) guard: AttemptGuard,
}

impl<B, C> ResponseBody<B, C>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
    C: Classifier,
{
    /// The answer was judged already: nothing is left to say.
    pub(super) const fn judged(inner: PeekedBody<B>) -> Self {
        Self {
            inner,
            running: None,
            state: State::Passing,
        }
    }

    /// The answer is judged as it passes. A body that is empty from the start has ended with this call.
    pub(super) fn watched(peek: Peek, rest: B, running: RunningAnswer<C>) -> Self {
        let mut body = Self {
            inner: PeekedBody::longer(peek, rest),
            running: Some(Box::new(running)),
            state: State::Passing,
        };
        if body.inner.is_end_stream() {
            body.ended();
        }
        body
    }

    fn ended(&mut self) {
        let end = self
            .running
            .take()
            .map_or(Ok(()), |mut running| running.ended());
        self.state = match end {
            Ok(()) => State::Ended,
            Err(error) => State::Failing(error),
        };
    }

    /// Whether the reader gets its end now, though the connection has none.
    fn ends_early(&mut self, cx: &mut Context<'_>) -> bool {
        self.running.as_mut().is_some_and(|running| {
            !running.announced && running.linger.poll_over(&running.watcher, cx).is_ready()
        })
    }

    /// The connection broke.
    ///
    /// A whole document is delivered, whatever its connection does. Only a reader that was told a length has to hear of the
    /// break: it would wait for bytes that do not come.
    fn broke(&mut self, error: Error) -> Option<Error> {
        self.state = State::Ended;
        let Some(mut running) = self.running.take() else {
            return Some(error);
        };
        if running.whole.is_none() {
            return Some(running.failed(error));
        }
        // It is delivered; who was told a length waits for bytes that do not come.
        let told = running
            .announced
            .then(|| error.with_attempt(running.guard.attempt()));
        running.ended().err().or(told)
    }
}

impl<B, C> Body for ResponseBody<B, C>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
    C: Classifier,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match std::mem::replace(&mut this.state, State::Ended) {
            State::Ended => return Poll::Ready(None),
            State::Failing(error) => return Poll::Ready(Some(Err(error))),
            State::Passing => this.state = State::Passing,
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(running)) = (frame.data_ref(), &mut this.running) {
                    running.data(data);
                }
                // A reader that knows the length does not ask again after the last byte.
                if this.inner.is_end_stream() {
                    this.ended();
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(this.broke(error).map(Err)),
            Poll::Ready(None) => this.ended(),
            Poll::Pending if this.ends_early(cx) => {
                this.inner.end();
                this.ended();
            }
            Poll::Pending => return Poll::Pending,
        }
        match std::mem::replace(&mut this.state, State::Ended) {
            State::Failing(error) => Poll::Ready(Some(Err(error))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            State::Passing => self.inner.is_end_stream(),
            State::Failing(_) => false,
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<C: Classifier> RunningAnswer<C> {
    fn data(&mut self, data: &[u8]) {
        let seen = self.seen.min(data.len());
        self.seen -= seen;
        self.watcher.data(&data[seen..]);
        if self.watcher.picture_began() {
            self.guard.attempt().note_picture_began();
        }
        self.whole = self
            .watcher
            .is_whole_if_broken()
            .then(|| self.classification());
    }

    fn classification(&self) -> Classification {
        let facts = self.watcher.facts(true);
        let waited = self.guard.attempt().provider_wait();
        let end = EndOfStream::new(self.status, &self.workload, &facts).with_waited(waited);
        self.classifier.passed(&end)
    }

    /// The answer has come to its end, or its document has.
    fn ended(&mut self) -> Result<(), Error> {
        if self.whole.is_none() {
            if self.watcher.is_broken_off() {
                let received = self.watcher.bytes();
                return Err(self.failed(Error::new(ErrorKind::Truncated { received })));
            }
            self.whole = Some(self.classification());
        }
        Ok(())
    }

    fn failed(&self, error: Error) -> Error {
        let attempt = self.guard.attempt();
        attempt.note_body(self.watcher.facts(false).evidence);
        let error = error.with_attempt(attempt);
        let class = self.classifier.error(&error, attempt);
        attempt.finish(error.end(), diagnosis::note_end(&error, attempt, class));
        error
    }
}

/// A reader that stops at the end of the document has the whole answer. If it stops earlier, the guard ends the attempt.
impl<C> Drop for RunningAnswer<C> {
    fn drop(&mut self) {
        let attempt = self.guard.attempt();
        if attempt.outcome_now().is_some() {
            return;
        }
        attempt.note_body(self.watcher.facts(self.whole.is_some()).evidence);
        if let Some(classification) = &self.whole {
            attempt.note_classification(classification);
            diagnosis::note_answer(attempt, classification.class);
            attempt.finish(End::Finished, classification.class);
        }
    }
}
