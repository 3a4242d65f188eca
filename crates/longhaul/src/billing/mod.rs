//! `BillingCompensationTracker`: what was paid for, and what of it is owed back.
//!
//! A call that takes minutes is charged whether or not its picture arrives, and only the caller can
//! say which of them did. This layer writes one entry per attempt into a [`Ledger`], and an entry is
//! there before the attempt is: the service below is not called before the opening is durable. The entry
//! is closed with the attempt's [`Outcome`](crate::Outcome) at the last byte of the answer, at the error,
//! or when the future or the body is dropped, and says what the attempt may have cost: for certain, and
//! at most. An opening that fails stops the attempt with nothing sent.
//!
//! It stands inside the retry layer, since every attempt may be charged, and outside the timeout, since
//! below it a timeout looks like a caller who went away. With [`Classify`](crate::classify) below, its
//! classification is what is written down; without it, an answer counts by its status, and a success that came
//! whole as delivered.
//!
//! An entry holds numbers and names, never a prompt, an image or an API key: see [`Opening`].
//!
//! ```
//! use longhaul::billing::{BillingCompensationTrackerLayer, BillingPolicy, ClaimRules, MemoryLedger};
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let ledger = MemoryLedger::new();
//! let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone())?;
//! let client = layer.layer(client);
//! // … after some calls:
//! for claim in ledger.claims(&ClaimRules::default()) {
//!     println!("{} {:?}", claim.rule, claim.amount);
//! }
//! # Ok(()) }
//! ```
//!
//! Customised: with prices, so that exposure and claims are amounts, and another limit. The provider is
//! the host of the URI unless the request says otherwise.
//!
//! ```
//! use std::time::Duration;
//! use longhaul::{Money, billing::{
//!     BillingCompensationTracker, BillingPolicy, MemoryLedger, PriceRow, Provider,
//! }};
//!
//! # fn example<S>(client: S, request: &mut http::Request<()>) -> Result<(), longhaul::ConfigError> {
//! let row = PriceRow::new("relay", "gemini-3-pro-image*", "0.05 USD".parse()?);
//! let mut policy = BillingPolicy::with_prices(vec![row]);
//! policy.claims.over = Some(Duration::from_secs(120));
//!
//! let rules = policy.claims.clone();
//!
//! let ledger = MemoryLedger::new();
//! let client = BillingCompensationTracker::new(client, policy, ledger.clone())?;
//!
//! request.extensions_mut().insert(Provider::new("relay"));
//! // … after some calls:
//! for (currency, amounts) in ledger.totals().amounts {
//!     println!("{currency}: {} certain, {} possible", amounts.certain, amounts.possible);
//! }
//! let owed = ledger.claims(&rules);
//! # Ok(()) }
//! ```

mod assess;
mod body;
mod claims;
mod future;
mod layer;
mod ledger;
mod memory;
mod policy;
mod record;
mod service;
#[cfg(test)]
mod tests;
mod text;
mod totals;

pub use self::{
    assess::{ClaimInput, ProviderRecord, assess_claims},
    body::ResponseBody,
    claims::{Claim, ClaimConfidence, ClaimRule, ClaimRules, claims},
    future::ResponseFuture,
    layer::BillingCompensationTrackerLayer,
    ledger::{Entry, Ledger, Slot},
    memory::{MemoryLedger, MemorySlot},
    policy::BillingPolicy,
    record::{Closing, Opening, ProviderClock, Record},
    service::BillingCompensationTracker,
    totals::{Amounts, Totals},
};
pub use crate::{
    config::Pattern,
    model::{ChargeRule, ChargeRules, PriceRow, PriceTable, Provider},
};
