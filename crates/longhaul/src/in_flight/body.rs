//! The place of a call, with the body of its answer. The provider counts a call until its last byte, and so does the limit
//! here: a place that came back at the head would let in more calls than the provider allows
//! (`the_place_is_held_to_the_last_byte`).

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    attempt::Attempt,
    body::{BodyObserver, ObservedBody},
    error::Error,
};

opaque_body! {
    /// The answer's body, with the permit that it holds until it ends, fails or is dropped.
    pub struct ResponseBody<B>(ObservedBody<B, Permit>) where []
}

/// One of a host's places in flight, with all attempts of an operation that share it. When the last of them drops it, it
/// goes to the call that has waited longest.
#[derive(Debug)]
pub(super) struct Permit {
    permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Permit {
    /// A place of its own. Attempts that are made beside this one may share it.
    pub(super) fn new(permit: OwnedSemaphorePermit, attempt: Option<&Attempt>) -> Self {
        let permit = Arc::new(permit);
        if let Some(attempt) = attempt {
            attempt.set_place(&permit);
        }
        Self::shared(permit)
    }

    /// The place of an attempt beside which this one is made.
    pub(super) const fn shared(permit: Arc<OwnedSemaphorePermit>) -> Self {
        Self {
            permit: Some(permit),
        }
    }

    pub(super) fn give_back(&mut self) {
        self.permit = None;
    }
}

impl<D> BodyObserver<D> for Permit {
    fn end(&mut self) -> Result<(), Error> {
        self.give_back();
        Ok(())
    }

    fn error(&mut self, error: Error) -> Error {
        self.give_back();
        error
    }
}
