//! What our own ledger says afterwards.
//!
//! Two things are read from it: what it would claim back, which is a figure, and where it differs from the provider's
//! account, which is a defect and stops the report.

use longhaul::{
    Stack,
    billing::{ClaimConfidence, claims},
};
use longhaul_sim::Entry;
use longhaul_testing::disagreements;
use serde::Serialize;

/// What the ledger claims back, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Claims {
    /// What was seen on our side is enough
    pub(super) eligible_micros: i64,
    /// The provider's own log decides
    pub(super) verify_micros: i64,
}

impl Claims {
    pub(super) const fn micros(self) -> i64 {
        self.eligible_micros + self.verify_micros
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            eligible_micros: self.eligible_micros + other.eligible_micros,
            verify_micros: self.verify_micros + other.verify_micros,
        }
    }
}

/// The claims that follow from the ledger of `stack`, and in what it disagrees with the providers' `entries`.
pub(super) fn closed(stack: &Stack, entries: &[Entry]) -> (Claims, Vec<String>) {
    let records = stack.ledger().records();
    let mut sums = Claims::default();
    for claim in claims(&records, &stack.policy().billing.claims) {
        let micros = claim.amount.map_or(0, |amount| amount.micros);
        match claim.certainty {
            ClaimConfidence::Eligible => sums.eligible_micros += micros,
            ClaimConfidence::Verify => sums.verify_micros += micros,
        }
    }
    (sums, disagreements(&records, entries))
}
