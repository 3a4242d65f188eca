use tokio::sync::OwnedSemaphorePermit;

use crate::{
    body::{BodyObserver, ObservedBody},
    error::Error,
};

opaque_body! {
    /// The answer's body, with the permit that it holds until it ends, fails or is dropped.
    pub struct ResponseBody<B>(ObservedBody<B, Permit>) where []
}

/// One of a host's places in flight. Dropped, it goes to the call that has waited longest.
#[derive(Debug)]
pub(super) struct Permit {
    permit: Option<OwnedSemaphorePermit>,
}

impl Permit {
    pub(super) const fn new(permit: OwnedSemaphorePermit) -> Self {
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
