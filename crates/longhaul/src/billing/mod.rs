//! What calls cost, what was spent, and what of it is owed back.

mod claims;
mod ledger;
mod memory;
mod policy;
mod price;
mod provider;
mod record;
#[cfg(test)]
mod tests;
#[cfg(feature = "serde")]
mod text;
mod totals;

pub use self::{
    claims::{Certainty, Claim, ClaimRule, ClaimRules, claims},
    ledger::{Entry, Ledger, Slot},
    memory::{MemoryLedger, MemorySlot},
    policy::BillingPolicy,
    price::{PriceRow, PriceTable},
    provider::Provider,
    record::{Closing, Opening, ProviderClock, Record},
    totals::{Amounts, Totals},
};
