use std::sync::Arc;

use http::request::Parts;
use tokio::time::Instant;
use tower_layer::Layer;

use super::{budget::Spending, policy::RetryPolicy, service::ClassifyingRetry};
use crate::{
    attempt::{Deadline, OperationDeadline, RouteInfo, after},
    config::{ConfigError, scale},
    model::{
        Money, PerResolution, PictureLimit, PriceTable, Provider, Resolution, RouteHistory,
        RouteId, TimeScale, Workload,
    },
    observe::Observer,
};

/// Until the picture begins, where no layer says otherwise: the guide's table.
const DEFAULT_LIMITS: PerResolution = PerResolution::from_secs(300, 300, 600, 600);

/// Makes [`ClassifyingRetry`] services.
///
/// Its clones and services share one [`Spending`].
///
/// ```
/// use longhaul::{Money, billing::{PriceRow, PriceTable}, retry::{ClassifyingRetryLayer, RetryPolicy}};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let mut policy = RetryPolicy::default();
/// policy.paid_attempts = 2;
/// // Bounds in money need prices; a `Stack` shares its own.
/// let prices = PriceTable::new(vec![PriceRow::new("*", "*", Money::usd_micros(240_000))])?;
/// let client = ClassifyingRetryLayer::new(policy)?.with_prices(prices).layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClassifyingRetryLayer {
    shared: Shared,
}

/// What all operations of a layer share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) policy: Arc<RetryPolicy>,
    pub(super) observer: Option<Observer>,
    pub(super) spending: Option<Spending>,
    prices: Option<Arc<PriceTable>>,
    history: RouteHistory,
    /// The limits in force until a picture begins.
    limits: Option<Arc<dyn PictureLimit>>,
}

/// The money that an operation's attempts are paid from, and what each costs, where that is known beforehand.
#[derive(Debug)]
pub(super) struct Budgets {
    pub(super) spending: Spending,
    pub(super) price: Option<Money>,
}

impl Shared {
    fn new(policy: RetryPolicy) -> Self {
        Self {
            spending: Spending::new(policy.budget, policy.spending_cap),
            policy: Arc::new(policy),
            observer: None,
            prices: None,
            history: RouteHistory::default(),
            limits: None,
        }
    }

    /// What the attempts at this request are paid from; `None` where money does not count.
    pub(super) fn budgets(&self, head: &Parts) -> Option<Box<Budgets>> {
        let spending = self.spending.clone()?;
        let price = self.price(head);
        Some(Box::new(Budgets { spending, price }))
    }

    /// When the operation of this request, which begins now, must have ended.
    pub(super) fn deadline(
        &self,
        head: &Parts,
        resolution: Resolution,
        now: Instant,
        callers: Option<Deadline>,
    ) -> OperationDeadline {
        if let Some(times) = self.policy.deadline {
            let own = Deadline::at(after(now, times.of(resolution)));
            return callers.map_or(own, |callers| callers.min(own)).into();
        }
        let unknown = Workload::default();
        let limit = match &self.limits {
            Some(limits) => {
                let workload = head.extensions.get().unwrap_or(&unknown);
                limits.limit(&head.extensions, workload)
            }
            None => scale(DEFAULT_LIMITS.of(resolution), self.policy.time_scale),
        };
        let own = after(now, self.policy.time_for(limit));
        OperationDeadline::by_default(own, callers)
    }

    /// The route that this request takes, and what is known of it.
    pub(super) fn route(&self, head: &Parts, resolution: Resolution) -> RouteInfo {
        RouteInfo {
            route: RouteId::of(&head.uri, &head.extensions),
            resolution,
            scale: TimeScale(self.policy.time_scale),
            history: self.history.clone(),
        }
    }

    fn price(&self, head: &Parts) -> Option<Money> {
        let unknown = Workload::default();
        let workload = head.extensions.get().unwrap_or(&unknown);
        let provider = Provider::of(&head.extensions, &head.uri);
        self.prices
            .as_ref()?
            .price(provider.as_deref().unwrap_or_default(), workload)
    }
}

impl ClassifyingRetryLayer {
    /// Retries by `policy`. Without a deadline in it, operations get the one that follows from the
    /// guide's limits.
    ///
    /// # Errors
    ///
    /// As of [`RetryPolicy::validate`].
    pub fn new(policy: RetryPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        Ok(Self {
            shared: Shared::new(policy),
        })
    }

    /// Tells `observer` of the events of all operations.
    ///
    /// An observer in a request's extensions hears of that operation besides.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.shared.observer = Some(observer);
        self
    }

    /// Knows what attempts cost before they are made, as a [cap](RetryPolicy::spending_cap) must. A
    /// [`Stack`](crate::Stack) gives its own prices.
    ///
    /// Without it a cap lets nothing through, and a [`MoneyBudget`](super::MoneyBudget) goes by the price
    /// that the [tracker](crate::billing) wrote down of the attempt before; where neither knows the price,
    /// no duplicate is made.
    pub fn with_prices(mut self, prices: PriceTable) -> Self {
        self.shared.prices = Some(Arc::new(prices));
        self
    }

    /// Derives deadlines from these limits.
    pub(crate) fn with_limits(mut self, limits: Arc<dyn PictureLimit>) -> Self {
        self.shared.limits = Some(limits);
        self
    }

    /// Learns of routes, and knows of them, by this history: to share one across layers and stacks.
    ///
    /// ```
    /// use longhaul::{RouteHistory, retry::ClassifyingRetryLayer};
    ///
    /// let routes = RouteHistory::new();
    /// let pictures = ClassifyingRetryLayer::default().with_history(routes.clone());
    /// let previews = ClassifyingRetryLayer::default().with_history(routes.clone());
    /// assert_eq!(pictures.history().cuts(), previews.history().cuts(), "what one learns, both know");
    /// ```
    pub fn with_history(mut self, history: RouteHistory) -> Self {
        self.shared.history = history;
        self
    }

    /// What is known of the routes that calls have taken.
    pub const fn history(&self) -> &RouteHistory {
        &self.shared.history
    }

    /// The money of all operations; `None` where the policy has neither a budget nor a cap.
    pub const fn spending(&self) -> Option<&Spending> {
        self.shared.spending.as_ref()
    }
}

impl Default for ClassifyingRetryLayer {
    fn default() -> Self {
        Self {
            shared: Shared::new(RetryPolicy::default()),
        }
    }
}

impl<S> Layer<S> for ClassifyingRetryLayer {
    type Service = ClassifyingRetry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClassifyingRetry::with_policy(inner, self.shared.clone())
    }
}
