use std::sync::Arc;

use tower_layer::Layer;

use super::{
    policy::{BillingPolicy, Tables},
    service::BillingCompensationTracker,
};
use crate::config::ConfigError;

/// Makes [`BillingCompensationTracker`]s that write into one ledger.
///
/// ```
/// use longhaul::billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let ledger = MemoryLedger::new();
/// let tracker = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone())?;
/// let client = tracker.layer(client);
/// # Ok(()) }
/// ```
///
/// Checked once, when it is made; the tables are then shared by all services and calls.
#[derive(Clone, Debug)]
#[must_use]
pub struct BillingCompensationTrackerLayer<L> {
    tables: Arc<Tables>,
    ledger: L,
}

impl<L> BillingCompensationTrackerLayer<L> {
    /// Writes into `ledger` at the prices of `policy`; refuses a policy that cannot work.
    ///
    /// ```
    /// use longhaul::{Money, billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger, PriceRow}};
    /// use tower_layer::Layer;
    ///
    /// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
    /// let ledger = MemoryLedger::new();
    /// let policy = BillingPolicy::with_prices(vec![PriceRow::new("*", "*", Money::usd_micros(134_400))]);
    /// let client = BillingCompensationTrackerLayer::new(policy, ledger.clone())?.layer(client);
    /// # Ok(()) }
    /// ```
    pub fn new(policy: BillingPolicy, ledger: L) -> Result<Self, ConfigError> {
        Ok(Self {
            tables: Arc::new(policy.into_tables()?),
            ledger,
        })
    }

    /// The same layer that writes into this ledger.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use longhaul::billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger};
    ///
    /// let layer = BillingCompensationTrackerLayer::new(BillingPolicy::default(), MemoryLedger::new())?;
    /// // Any ledger that is not cheap to clone can stand in an `Arc`.
    /// let layer = layer.with_ledger(Arc::new(MemoryLedger::new()));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn with_ledger<M>(self, ledger: M) -> BillingCompensationTrackerLayer<M> {
        BillingCompensationTrackerLayer {
            tables: self.tables,
            ledger,
        }
    }
}

impl<S, L: Clone> Layer<S> for BillingCompensationTrackerLayer<L> {
    type Service = BillingCompensationTracker<S, L>;

    fn layer(&self, inner: S) -> Self::Service {
        BillingCompensationTracker::with_tables(inner, self.tables.clone(), self.ledger.clone())
    }
}
