//! Reconciliation: the provider's own log against the ledger.
//!
//! The ledger knows what was sent and how it ended; only the provider knows what it charged. Its log, as
//! [New-API](LogFormat::NewApi) relays give it or [as CSV](LogFormat::Csv), is matched with the ledger's attempts: by
//! the request ids that answers carried, else one to one by model, start and duration, after the two clocks were set
//! against each other by the pairs that an id joins. What the log says of an attempt is its [`Verdict`], which stands
//! in the place of the likelihood that its class has; what either side has alone, and what differs, is a [`Finding`]
//! with its amount.
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
//! ```
//! # #[cfg(all(feature = "sqlite", unix))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use longhaul_ledger::reconcile::{FindingKind, LogFormat, Options, ProviderLog, reconcile};
//!
//! # let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
//! # let folder = tempfile::tempdir()?;
//! # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
//! # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
//! # let store = {
//! #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
//! #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
//! #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
//! #     let (class, took) = (Class::Overloaded, std::time::Duration::from_secs(100));
//! #     let exposure = Exposure::new(class.charge_probability(), opening.price);
//! #     let (slot, opened) = ledger.open_entry(opening);
//! #     opened.await?;
//! #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
//! #     ledger.flush().await?;
//! #     ledger.store().clone() };
//! // The log charges a call that was refused as overloaded. New-API writes a row when the call has ended.
//! let row = format!(r#"{{"created_at": {}, "type": 2, "quota": 120000, "use_time": 100}}"#, now + 100);
//! let mut log = ProviderLog::new(LogFormat::new_api());
//! log.add("log.json", row.as_bytes())?;
//! let found = reconcile(&store, log, &Options::of("relay.example.com"), |_| {}).await?;
//! assert_eq!(found.findings[0].kind, FindingKind::ChargedThoughFree);
//! assert_eq!(found.findings[0].amount.unwrap().to_string(), "0.24 USD");
//! # Ok(()) }
//! # #[cfg(not(all(feature = "sqlite", unix)))]
//! # fn main() {}
//! ```
//!
//! A row takes some two hundred bytes of memory, and so does an attempt that no id joins to one; the rest streams.
//!
//! What a reconciliation needs from a provider: when a call began or ended, and what it charged. The id that its
//! answers carry makes matching certain; model and duration make matching by time nearly so. A log that tells only sums
//! by day cannot be read.
//!
//! Not for: a ledger whose clock was wrong by more than [`max_skew`](Options::max_skew) at the time, and logs in a
//! currency other than the prices' (what differs is then a finding for each attempt, since nothing is converted).

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
