use std::sync::Arc;

use tower_layer::Layer;

use super::{policy::BillingPolicy, price::PriceTable, service::BillingCompensationTracker};
use crate::ConfigError;

/// Makes [`BillingCompensationTracker`]s that write into one ledger.
#[derive(Clone, Debug)]
#[must_use]
pub struct BillingCompensationTrackerLayer<L> {
    prices: Arc<PriceTable>,
    ledger: L,
}

impl<L> BillingCompensationTrackerLayer<L> {
    /// Writes into `ledger` at the prices of `policy`; refuses a policy that cannot work.
    pub fn new(policy: BillingPolicy, ledger: L) -> Result<Self, ConfigError> {
        Ok(Self {
            prices: Arc::new(policy.into_price_table()?),
            ledger,
        })
    }

    /// The same layer that writes into this ledger.
    pub fn with_ledger<M>(self, ledger: M) -> BillingCompensationTrackerLayer<M> {
        BillingCompensationTrackerLayer {
            prices: self.prices,
            ledger,
        }
    }
}

impl<S, L: Clone> Layer<S> for BillingCompensationTrackerLayer<L> {
    type Service = BillingCompensationTracker<S, L>;

    fn layer(&self, inner: S) -> Self::Service {
        BillingCompensationTracker::with_prices(inner, self.prices.clone(), self.ledger.clone())
    }
}
