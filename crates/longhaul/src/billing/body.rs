use super::ledger::{Entry, Ledger, Slot};
use crate::{
    body::{BodyObserver, ObservedBody},
    error::Error,
    model::{Class, End},
};

opaque_body! {
    /// The response body of [`BillingCompensationTracker`](super::BillingCompensationTracker): passes everything on, and
    /// closes the entry at its end, at its error, or when it is dropped.
    pub struct ResponseBody<B, L>(ObservedBody<B, Entry<L::Slot>>) where [L: Ledger]
}

/// A classifier below has spoken by the time an end comes up here. Where there is none, a success that came
/// whole is delivered.
impl<D, S: Slot> BodyObserver<D> for Entry<S> {
    fn end(&mut self) -> Result<(), Error> {
        self.settle(End::Finished, Class::Delivered);
        Ok(())
    }

    fn error(&mut self, error: Error) -> Error {
        self.fail(error)
    }
}
