//! Reconciliation: the provider's own log against the ledger.
//!
//! The ledger knows what was sent and how it ended; only the provider knows what it charged. Its log, as
//! [New-API](LogFormat::NewApi) relays give it or [as CSV](LogFormat::Csv), is matched with the ledger's attempts: by the
//! request ids that answers carried, else one to one by model, start and duration, after the two clocks were set
//! against each other by the pairs that an id joins. What the log says of an attempt is its [`Verdict`], which stands in
//! the place of the likelihood that its class has; what either side has alone, and what differs, is a [`Finding`] with its amount.
//!
//! - That the log has no row of an attempt is a verdict too, “not charged”: but only where the log is
//!   [whole](Coverage), covers the attempt's time, and goes on for a [settlement period](Options::settle) after it.
//! - What cannot be told apart is reported as [ambiguous](FindingKind::Ambiguous), not guessed. Where as many rows as
//!   attempts are tied and all rows charge one amount, each attempt is charged it, whichever row is its own.
//! - Verdicts are written in one transaction. The same log again changes nothing; a later one may correct an earlier
//!   verdict, which is [reported](Correction); a missing row never takes back what a row once said.
//! - How likely each ending is charged is [estimated anew](Reconciliation::priors) from all verdicts for the provider: rows to
//!   put into the policy as `[[billing.charge_rules]]`.
//!
//! ```no_run
//! use longhaul_ledger::{Location, Store, reconcile::{LogFormat, Options, ProviderLog, reconcile}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open_to_write(&"spend.db".parse()?).await?;
//! let mut log = ProviderLog::new(LogFormat::new_api());
//! log.add("log.json", std::fs::File::open("log.json")?)?;
//! let found = reconcile(&store, log, &Options::of("relay.example.com"), |_| {}).await?;
//! for finding in &found.findings {
//!     println!("{}: {:?}", finding.kind, finding.amount);
//! }
//! # Ok(()) }
//! ```
//!
//! A row takes some two hundred bytes of memory, and so does an attempt that no id joins to one; the rest streams.

mod amount;
mod attempts;
mod engine;
mod log;
mod options;
mod pairing;
mod priors;
mod read;
mod report;
mod row;
mod time;
mod verdict;
mod write;

pub use self::{
    engine::{Prepared, prepare, reconcile},
    log::{Coverage, ProviderLog},
    options::Options,
    priors::Estimate,
    read::{ColumnMap, LogFormat, NewApi, read},
    report::{
        Amounts, AttemptRef, Correction, Counts, Finding, FindingKind, Reconciliation, RowRef,
    },
    row::{LogRow, RowKind},
    verdict::{Basis, Verdict},
};
