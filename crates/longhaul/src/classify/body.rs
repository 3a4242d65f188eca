use bytes::Bytes;
use http::StatusCode;

use super::{Classifier, EndOfStream, answer::AnswerWatcher};
use crate::{
    body::{BodyObserver, ObservedBody},
    classify::peek::PeekedBody,
    error::{AttemptGuard, Error, ErrorKind, diagnosis},
    model::{End, Workload},
};

/// The response body of [`Classify`](super::Classify).
pub type ResponseBody<B, C> = ObservedBody<PeekedBody<B>, ClassifyBody<C>>;

/// Follows a body that is not held, and says at its end what it was.
#[derive(Debug)]
pub struct ClassifyBody<C>(
    // `None` once the attempt has its outcome. Boxed: most answers are judged before they are handed on, and the
    // bodies of all are moved through every layer.
    Option<Box<Running<C>>>,
);

#[derive(Debug)]
pub(super) struct Running<C> {
    pub(super) classifier: C,
    pub(super) status: StatusCode,
    pub(super) workload: Workload,
    pub(super) watcher: AnswerWatcher,
    pub(super) guard: AttemptGuard,
}

impl<C> ClassifyBody<C> {
    /// Judges the body of an attempt that is still running.
    pub(super) fn running(running: Running<C>) -> Self {
        Self(Some(Box::new(running)))
    }

    /// The attempt was judged already: nothing is left to say.
    pub(super) const fn judged() -> Self {
        Self(None)
    }
}

impl<C: Classifier> Running<C> {
    fn passed(self) -> Result<(), Error> {
        if self.watcher.is_broken_off() {
            let received = self.watcher.bytes();
            return Err(self.failed(Error::new(ErrorKind::Truncated { received })));
        }
        let facts = self.watcher.facts(true);
        let passed = EndOfStream::new(self.status, &self.workload, &facts);
        let classification = self.classifier.passed(&passed);
        let attempt = self.guard.attempt();
        attempt.note_body(facts.evidence);
        attempt.note_classification(&classification);
        attempt.finish(End::Finished, classification.class);
        Ok(())
    }

    fn failed(self, error: Error) -> Error {
        let attempt = self.guard.attempt();
        attempt.note_body(self.watcher.facts(false).evidence);
        let error = error.with_attempt(attempt);
        let class = self.classifier.error(&error, attempt);
        attempt.finish(error.end(), diagnosis::note_end(&error, attempt, class));
        error
    }
}

/// Dropped before the end, it still says what it saw; the guard ends the attempt.
impl<C> Drop for ClassifyBody<C> {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            let facts = running.watcher.facts(false);
            running.guard.attempt().note_body(facts.evidence);
        }
    }
}

impl<C: Classifier> BodyObserver<Bytes> for ClassifyBody<C> {
    fn data(&mut self, data: &Bytes) {
        if let Some(running) = &mut self.0 {
            running.watcher.data(data);
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.0.take().map_or(Ok(()), |running| running.passed())
    }

    fn error(&mut self, error: Error) -> Error {
        match self.0.take() {
            Some(running) => running.failed(error),
            None => error,
        }
    }
}
