use super::{
    claims::ClaimRules,
    price::{PriceRow, PriceTable},
};
use crate::ConfigError;

/// What calls cost, and which of them the provider owes back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct BillingPolicy {
    /// What is owed back, for [`claims`](super::claims()) and
    /// [`MemoryLedger::claims`](super::MemoryLedger::claims). Default: every rule, over 180 s.
    pub claims: ClaimRules,
    /// The rows of the [`PriceTable`], the first match counts. Default none: prices are yours to know.
    pub prices: Vec<PriceRow>,
}

impl BillingPolicy {
    /// The default rules with these prices.
    pub fn with_prices(prices: Vec<PriceRow>) -> Self {
        Self {
            prices,
            ..Self::default()
        }
    }

    /// Refuses rows and rules that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.price_table().map(drop)
    }

    /// The checked prices; the rules are checked too.
    pub(super) fn price_table(&self) -> Result<PriceTable, ConfigError> {
        self.claims
            .validate()
            .map_err(|error| error.under("claims"))?;
        PriceTable::new(self.prices.clone())
    }
}
