//! What callers may spend: a cap for each key, with the money of calls in flight reserved.
//!
//! A [`Reservation`] holds an attempt's price before anything is sent. At the operation's end it becomes what was
//! charged for certain, what may have been, or nothing. All three count against the cap until its span is over.
//!
//! Gateways that share PostgreSQL count together: see [`Accounts::open`].

mod account;
mod fleet;
mod gate;
mod reservation;
#[cfg(test)]
mod tests;

pub(crate) use self::{account::begin, gate::price};
pub use self::{
    account::{Account, Accounts, Balance},
    gate::{Gate, GateLayer},
    reservation::Reservation,
};
