use bytes::Bytes;
use http::StatusCode;

use super::{Class, Classifier, Passed, json::JsonScanner};
use crate::{
    attempt::AttemptGuard,
    body::{Watch, WatchedBody},
    classify::peek::PeekedBody,
    error::{Error, ErrorKind},
    outcome::End,
};

/// The response body of [`Classify`](super::Classify).
pub type ResponseBody<B, C> = WatchedBody<PeekedBody<B>, Judge<C>>;

/// Follows a body that is not held, and says at its end what it was.
#[derive(Debug)]
pub struct Judge<C> {
    classifier: C,
    status: StatusCode,
    // Only where the answer says that it is JSON.
    json: Option<JsonScanner>,
    bytes: u64,
    // `None` once the attempt has its outcome.
    guard: Option<AttemptGuard>,
}

impl<C: Classifier> Judge<C> {
    /// Judges the body of an attempt that is still running.
    pub(super) fn running(
        classifier: C,
        status: StatusCode,
        json: bool,
        guard: AttemptGuard,
    ) -> Self {
        Self {
            classifier,
            status,
            json: json.then(JsonScanner::default),
            bytes: 0,
            guard: Some(guard),
        }
    }

    /// The attempt was judged already: nothing is left to say.
    pub(super) fn judged(classifier: C, status: StatusCode) -> Self {
        Self {
            classifier,
            status,
            json: None,
            bytes: 0,
            guard: None,
        }
    }

    fn finish(&mut self, end: End, class: Class) {
        if let Some(guard) = self.guard.take() {
            guard.attempt().finish(end, class);
        }
    }
}

impl<C: Classifier> Watch<Bytes> for Judge<C> {
    fn data(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
        if let Some(json) = &mut self.json {
            json.data(data);
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(guard) = &self.guard else {
            return Ok(());
        };
        if self.json.is_some_and(|json| !json.is_complete()) {
            let error = Error::new(ErrorKind::Truncated {
                received: self.bytes,
            })
            .with_attempt(guard.attempt());
            return Err(self.error(error));
        }
        let class = self.classifier.passed(&Passed {
            status: self.status,
            bytes: self.bytes,
        });
        self.finish(End::Finished, class);
        Ok(())
    }

    fn error(&mut self, error: Error) -> Error {
        let Some(guard) = &self.guard else {
            return error;
        };
        let error = error.with_attempt(guard.attempt());
        let class = self.classifier.error(&error, guard.attempt());
        self.finish(error.end(), class);
        error
    }
}
