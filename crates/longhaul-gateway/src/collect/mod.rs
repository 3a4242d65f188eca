//! Collecting what a process that is gone left at the providers: tasks that were submitted, paid for and never fetched.
//!
//! Where calls go out [as tasks](crate::config::Exchange::Tasks), the handle of each is in the ledger before it is asked
//! after the first time. [`left_open`] finds those that nobody asks after any more, and a [`Collector`] fetches their
//! answers and closes the entry of each with what is known by that. Nothing is ever submitted.
//!
//! The gateway does it when it starts and every fifteen seconds, for upstreams whose key it has; `longhaul-gateway collect`
//! does it by hand, for any ledger. A caller that comes back gets the picture from either, as far as the gateway's state is
//! known: see [`ReturningCallers`].
//!
//! ```no_run
//! use longhaul_gateway::collect::left_open;
//! use longhaul_ledger::{DurableLedger, recover};
//!
//! # async fn example() -> Result<(), longhaul_ledger::LedgerError> {
//! // What a process that is gone left running is closed first: only then nobody asks after its tasks.
//! recover(&"ledger.db".parse()?).await?;
//! let ledger = DurableLedger::open("ledger.db").await?;
//! for left in left_open(ledger.store()).await? {
//!     println!("{} at {:?}", left.name(), left.host());
//! }
//! # Ok(()) }
//! ```

mod callers;
mod collector;
mod error;
mod files;
mod judge;
mod keys;
mod left;

#[cfg(test)]
mod tests;

pub use self::{
    callers::{Expected, ReturningCallers},
    collector::{Collector, Ending, Fetched},
    error::CollectError,
    keys::{HostKeys, MissingKey},
    left::{Left, left_open},
};
