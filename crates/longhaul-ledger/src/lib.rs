//! A durable ledger for calls that cost money: nothing paid for is forgotten.
//!
//! The store behind [`BillingCompensationTracker`](longhaul::billing::BillingCompensationTracker) that survives a
//! crash: a file of SQLite's for one process, PostgreSQL for a fleet; and what comes out of it: claims, exports,
//! reconciliation with the provider's own log, reports.

pub mod claims;
pub mod durable;
mod error;
pub mod export;
#[cfg(all(feature = "sqlite", unix))]
mod file;
mod location;
mod period;
mod prune;
pub mod reconcile;
pub mod report;
pub mod store;
mod visible;

pub use self::{
    durable::{
        Builder, DurableLedger, TaskHandle, TaskState, WhenUnreachable, recover,
        recover_despite_damage,
    },
    error::{LedgerError, LedgerErrorKind},
    location::Location,
    period::{Day, Period, local_time, month, time_zone},
    prune::Pruned,
    store::{Access, EntryId, Filter, Health, Scanned, Store, Stored, Unread, UnreadLog},
    visible::visible,
};
