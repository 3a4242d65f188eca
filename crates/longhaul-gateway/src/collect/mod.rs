//! Collecting what a process that is gone left at the providers: tasks that were submitted and never fetched. Most of
//! them are paid for.
//!
//! Where calls go out [as tasks](crate::config::Exchange::Tasks), the handle of each is in the ledger before it is
//! asked after for the first time. [`left_open`] finds the handles that nobody asks after any more. A [`Collector`]
//! fetches the answer of each, and closes the ledger's entry by what the answer says. Nothing is ever submitted.
//!
//! The gateway collects when it starts and every 15 s, for upstreams whose key it has. `longhaul-gateway collect`
//! collects by hand, for any ledger. A caller that comes back gets the picture from either, where the gateway's
//! `state` is known too: see [`ReturningCallers`].
//!
//! ```no_run
//! use longhaul_gateway::collect::left_open;
//! use longhaul_ledger::{DurableLedger, recover};
//!
//! # async fn example() -> Result<(), longhaul_ledger::LedgerError> {
//! // The entries of a process that is gone look as if they ran, until they are recovered.
//! recover(&"ledger.db".parse()?).await?;
//! let ledger = DurableLedger::open("ledger.db").await?;
//! for left in left_open(ledger.store()).await? {
//!     println!("{} at {:?}", left.name(), left.host());
//! }
//! # Ok(()) }
//! ```
//!
//! Whatever is left open, and whoever collects it, the order is the same: the answer is on the disk, then the ledger
//! says what became of the task and closes its attempt's entry, then a caller that waits is told. A process that dies
//! in between leaves the task open, and the next one does it again; a task is asked after twice, and never paid
//! twice.
//!
//! | part | |
//! |---|---|
//! | [`left_open`], [`Left`] | what nobody asks after any more |
//! | [`HostKeys`] | the providers' keys, by host, from the environment |
//! | [`Collector`], [`Fetched`], [`Ending`] | asks, writes files, closes entries |
//! | [`ReturningCallers`], [`Expected`] | hands the answer to callers that come back |

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
