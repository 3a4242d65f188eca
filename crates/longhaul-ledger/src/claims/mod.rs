//! What providers owe back, and what became of it.
//!
//! Rules are data: a [`ClaimBook`] says for each provider what it owes back, how much, to whom, and by when. A claim is
//! [eligible](ClaimState::Eligible) or [to be verified](ClaimState::Verify) until it is exported; then it is credited,
//! denied, or overdue.
//!
//! ```
//! use longhaul_ledger::{Filter, Store, claims::ClaimBook};
//!
//! # async fn example(store: Store) -> Result<(), longhaul_ledger::LedgerError> {
//! let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
//! for claim in &found.claims {
//!     println!("{} {} {:?}", claim.rule, claim.state, claim.amount);
//! }
//! # Ok(()) }
//! ```

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
