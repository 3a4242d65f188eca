//! What callers may spend: a cap for each key, with the money of calls in flight reserved.
//!
//! A [`Reservation`] holds an attempt's price before anything is sent. At the operation's end it becomes what was
//! charged for certain, what may have been, or nothing. All three count against the cap until its span is over.
//!
//! The money is reserved and not only counted: with a cap of 1 USD and calls of 0.24 USD each, the fifth call that comes while
//! four run is refused, although nothing has been charged yet. A call whose price is not known is refused under any cap.
//!
//! Gateways that share PostgreSQL count together: see [`Accounts::open`].
//!
//! ```
//! use longhaul::Money;
//! use longhaul_gateway::{config::{Cap, Per}, money::{Account, Balance}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let cap = Cap::new(Money::usd_micros(1_000_000), Per::Day);
//! let account = Account::new(cap, Balance::default());
//! let price = Some(Money::usd_micros(600_000));
//! let (one, other) = (account.reserve(), account.reserve());
//! assert!(one.first(price).await.is_ok());
//! assert!(other.first(price).await.is_err(), "together they would be over the cap");
//! // It ended without having been sent:
//! drop(one);
//! assert!(other.first(price).await.is_ok());
//! # }
//! ```

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
