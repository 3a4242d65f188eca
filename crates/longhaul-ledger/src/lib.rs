//! A durable ledger for calls that cost money: nothing paid for is forgotten.
//!
//! A process that dies while a model works takes with it the knowledge of what was paid for. With this ledger an attempt's
//! entry is on the disk before its first byte leaves, and the next start finds what was left open.
//!
//! It is a [`Ledger`](longhaul::billing::Ledger) for
//! [`BillingCompensationTracker`](longhaul::billing::BillingCompensationTracker), in a file of SQLite's for one process, or in
//! PostgreSQL for a fleet. From its entries come reports, [claims] on providers, [files](export) for their support,
//! and the [differences](reconcile) from a provider's own log.
//!
//! ```no_run
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_ledger::DurableLedger;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = DurableLedger::open("spend.db").await?; // postgres://…: feature `postgres`
//! let stack = Stack::new(Policy::nano_banana_pro())?.with_ledger(ledger.clone());
//! # Ok(()) }
//! ```
//!
//! Reading needs no writer, and disturbs none:
//!
//! ```no_run
//! use longhaul_ledger::{Filter, Store};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open(&"spend.db".parse()?).await?;
//! for stored in store.running().await? {
//!     println!("{} has run since {:?}", stored.id, stored.record.opening.opened_at);
//! }
//! # Ok(()) }
//! ```
//!
//! Each database is a feature: `sqlite`, which is the default, and `postgres`; a place for which the build has none is
//! refused with [`Unsupported`](LedgerErrorKind::Unsupported). The feature `cli` is the program `longhaul-ledger`. A ledger
//! in a file is for Linux and macOS: on Windows it is refused, since locks and rights are not what they are here.
//!
//! How to keep a ledger, with copies, damage and room: [`backups`].
//!
//! # Which part does what
//!
//! | you want to | use |
//! |---|---|
//! | write down what is spent | [`DurableLedger`], given to the stack |
//! | close what a dead process left open | nothing: opening does it; or [`recover`] for a tool |
//! | read entries | [`Store::records`], [`Store::scan`], with a [`Filter`] |
//! | know what was spent and wasted | [`Store::report`] |
//! | get money back | [`Store::claims`], [`Store::export`], [`Store::answer_claims`] |
//! | know what the provider really charged | [`reconcile`](mod@reconcile) |
//! | collect tasks that outlived their process | [`Store::open_tasks`], [`DurableLedger::close_task`] |
//! | keep the file healthy and small | [`Store::check`], [`Store::backup`], [`Store::prune`] |
//!
//! # Money
//!
//! Amounts are whole millionths of a unit with their currency, and never floating point. A price that is not known is
//! `None` and never zero: an attempt without a price stands in no sum and is counted as unpriced. Sums over many
//! entries are `i128`, since they may be more than one amount can be.
//!
//! # Times
//!
//! Times of day are kept in microseconds, in UTC, as the clock of the machine that wrote them told. Days and months are
//! those of a time zone that the reader names ([`Period`]); claims use the provider's own.

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without any database the types are there, and every place is refused.
#![cfg_attr(
    not(any(all(feature = "sqlite", unix), feature = "postgres")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        unused_variables,
        unreachable_code
    )
)]

#[doc = include_str!("../BACKUPS.md")]
pub mod backups {}
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
        Builder, DurableLedger, LostSubmit, TaskHandle, TaskState, WhenUnreachable, recover,
        recover_despite_damage,
    },
    error::{LedgerError, LedgerErrorKind},
    location::Location,
    period::{Day, Period, local_time, month, time_zone},
    prune::Pruned,
    store::{Access, EntryId, Filter, Health, Scanned, Store, Stored, Unread, UnreadLog},
    visible::visible,
};
