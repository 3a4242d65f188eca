use std::sync::Arc;

use super::claims::ClaimRules;
use crate::{
    config::ConfigError,
    model::{ChargeRule, ChargeRules, PriceRow, PriceTable},
};

/// What calls cost, and which of them the provider owes back.
///
/// ```
/// use longhaul::{Money, billing::{BillingPolicy, PriceRow}};
///
/// let policy = BillingPolicy::with_prices(vec![PriceRow::new("*", "*", Money::usd_micros(134_400))]);
/// policy.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BillingPolicy {
    /// What is owed back, for [`claims`](super::claims()) and
    /// [`MemoryLedger::claims`](super::MemoryLedger::claims). Default: every rule, over 180 s.
    ///
    /// Only read by who asks for claims; no attempt is made or left because of it.
    pub claims: ClaimRules,
    /// The rows of the [`PriceTable`], the first match counts. Default none: prices are yours to know.
    ///
    /// The same rows give [`Stack`](crate::Stack) the prices that budgets and caps reserve by.
    pub prices: Vec<PriceRow>,
    /// How likely an ending is charged, where a provider differs from [`Class::charge_probability`]; the first
    /// match counts, the built-in rows last (see [`ChargeRules`]). Default none.
    ///
    /// [`Class::charge_probability`]: crate::Class::charge_probability
    pub charge_rules: Vec<ChargeRule>,
}

/// The rows of a policy, checked.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) prices: PriceTable,
    pub(super) charge_rules: Arc<ChargeRules>,
}

impl BillingPolicy {
    /// The default rules with these prices.
    ///
    /// ```
    /// use longhaul::{Stack, billing::BillingPolicy, policy::Policy};
    ///
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.billing = BillingPolicy::with_prices(vec![
    ///     longhaul::billing::PriceRow::new("relay.example.com", "gemini-3-pro-image*", "0.05 USD".parse()?),
    /// ]);
    /// let stack = Stack::new(policy)?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn with_prices(prices: Vec<PriceRow>) -> Self {
        Self {
            prices,
            ..Self::default()
        }
    }

    /// Refuses rows and rules that cannot work.
    ///
    /// ```
    /// use longhaul::{Class, billing::{BillingPolicy, ChargeRule}};
    ///
    /// let mut policy = BillingPolicy::default();
    /// policy.charge_rules = vec![ChargeRule::new("relay.example.com", Class::NoImage, 1_001)];
    /// assert_eq!(policy.validate().unwrap_err().field(), "charge_rules[0].permille");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.clone().into_tables().map(drop)
    }

    /// The prices and charge rules, checked; the rules for claims are checked too.
    pub(super) fn into_tables(self) -> Result<Tables, ConfigError> {
        self.claims
            .validate()
            .map_err(|error| error.under("claims"))?;
        Ok(Tables {
            prices: PriceTable::new(self.prices)?,
            charge_rules: Arc::new(ChargeRules::new(self.charge_rules)?),
        })
    }
}
