//! Claims added up for a person.
//!
//! Currencies are never added to each other, so a provider with two of them has two rows for each rule and state.

use std::collections::BTreeMap;

use longhaul::{Currency, billing::ClaimRule};
use serde::Serialize;

use super::{found::FoundClaim, state::ClaimState};

/// Claims summed up by provider, rule, state and currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct SummaryRow {
    /// The provider; `None` where nobody said.
    pub provider: Option<String>,
    /// Why the provider owes.
    pub rule: ClaimRule,
    /// Where the claims stand.
    pub state: ClaimState,
    /// The currency of the amount; `None` where no price is known.
    ///
    /// Claims without a known price are rows of their own, with an amount of 0: ask the provider what it charged.
    pub currency: Option<Currency>,
    /// How many claims.
    pub claims: u64,
    /// The sum of the claims, in millionths. It may be more than one amount can be.
    pub amount_micros: i128,
}

/// Sums up `claims`, each currency by itself.
///
/// The rows are in the order of provider, rule, state and currency. For an example see
/// [`claims_of_month`](crate::Store::claims_of_month).
///
/// ```
/// assert!(longhaul_ledger::claims::summary(&[]).is_empty());
/// ```
pub fn summary(claims: &[FoundClaim]) -> Vec<SummaryRow> {
    let mut rows = BTreeMap::new();
    for claim in claims {
        let provider = claim.stored.record.opening.provider.as_deref();
        let currency = claim.amount.map(|amount| amount.currency);
        let row = rows
            .entry((provider, claim.rule.name(), claim.state, currency))
            .or_insert_with(|| SummaryRow {
                provider: provider.map(str::to_owned),
                rule: claim.rule,
                state: claim.state,
                currency,
                claims: 0,
                amount_micros: 0,
            });
        row.claims += 1;
        row.amount_micros += claim.amount.map_or(0, |amount| i128::from(amount.micros));
    }
    rows.into_values().collect()
}
