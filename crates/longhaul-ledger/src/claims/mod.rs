//! What providers owe back, and what became of it.
//!
//! Rules are data: a [`ClaimBook`] says for each provider what it owes back, how much, to whom, and by when. A claim is
//! [eligible](ClaimState::Eligible) or [to be verified](ClaimState::Verify) until it is exported; then it is credited,
//! denied, or overdue.
//!
//! ```
//! # #[cfg(all(feature = "sqlite", unix))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use longhaul_ledger::{Filter, claims::{ClaimBook, ClaimState}};
//!
//! # let folder = tempfile::tempdir()?;
//! # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
//! # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
//! # let store = {
//! #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
//! #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
//! #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
//! #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
//! #     let exposure = Exposure::new(class.charge_probability(), opening.price);
//! #     let (slot, opened) = ledger.open_entry(opening);
//! #     opened.await?;
//! #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
//! #     ledger.flush().await?;
//! #     ledger.store().clone() };
//! let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
//! let claim = &found.claims[0];
//! assert_eq!((claim.rule.name(), claim.state), ("NoImage", ClaimState::Eligible));
//! assert_eq!(claim.amount.unwrap().to_string(), "0.24 USD");
//! # Ok(()) }
//! # #[cfg(not(all(feature = "sqlite", unix)))]
//! # fn main() {}
//! ```
//!
//! # The way of a claim
//!
//! | state | what happened | who decides what comes next |
//! |---|---|---|
//! | [`Eligible`](ClaimState::Eligible), [`Verify`](ClaimState::Verify) | a rule applies to the attempt | you: export it |
//! | [`Exported`](ClaimState::Exported) | it was sent | the provider, until the settlement is over |
//! | [`Overdue`](ClaimState::Overdue) | no answer came in time | you: ask again |
//! | [`Credited`](ClaimState::Credited), [`Denied`](ClaimState::Denied) | an answer came, or a log shows the money | nobody |
//!
//! [`Store::export`](crate::Store::export) writes claims for a provider's support,
//! [`Store::mark_exported`](crate::Store::mark_exported) says that they were sent on another way, and
//! [`Store::answer_claims`](crate::Store::answer_claims) writes down the answer.
//!
//! Before its export a claim is no row of the ledger: it follows from the entries, the rules and the logs each time
//! that it is asked for. So a rule that is corrected, or a log that is read, changes what is found. From the export on
//! it is a row, and its amount stays.

mod amount;
mod attempt;
mod book;
mod candidates;
mod file;
mod find;
mod found;
mod party;
mod spend;
mod state;
mod summary;

pub use self::{
    amount::Amount,
    book::{ClaimBook, DEFAULT_RULES, ProviderTerms},
    found::{Found, FoundClaim, LogEntry, Withheld},
    state::{Answer, ClaimState},
    summary::{SummaryRow, summary},
};
