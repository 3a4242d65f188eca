//! What was written for one request: counted at the connection, cut out per exchange.
//!
//! hyper-util clones a connection's extras at two moments, and both are exactly those that matter:
//! when the request has its connection but is not handed to it yet, and when the head is here but the
//! connection is not given back yet. So the extra is a [`Tap`] whose clone is a reading of the meter.
//! Without pipelining nothing else is written between the two, and no race with the connection's own
//! task can shift a reading. A base read *after* the hand-over could already contain the request's
//! bytes, and would make a sent request look unsent.

mod exchange;
mod link;
mod meter;
mod tap;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    link::{Link, Proof},
    meter::Meter,
    tap::Tap,
};
