//! The last byte of an answer closes its entry. A body that is dropped before closes it as cancelled, and one whose reader
//! takes hours keeps it open for so long: the entry says when the attempt ended, not when its head came.

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
