//! All layers in their order, from one [`Policy`].

use tower_layer::Layer;

use crate::{
    billing::{
        self, BillingCompensationTracker, BillingCompensationTrackerLayer, Ledger, MemoryLedger,
    },
    body::ReplayBody,
    classify::{self, Classifier, Classify, ClassifyLayer, DefaultClassifier},
    config::ConfigError,
    detect::{DetectWorkload, DetectWorkloadLayer},
    fallback::{Fallback, FallbackLayer},
    http1::{ForceHttp1, ForceHttp1Layer},
    in_flight::{self, InFlight, InFlightLayer},
    model::PriceTable,
    observe::Observer,
    policy::Policy,
    retry::{self, ClassifyingRetry, ClassifyingRetryLayer, Spending},
    timeout::{self, RequestBody, SizeAwareTimeout, SizeAwareTimeoutLayer},
};

/// What [`Stack`] makes of a client `S`: the layers, outermost first.
pub type StackService<S, L = MemoryLedger, C = DefaultClassifier> = DetectWorkload<
    Fallback<
        ClassifyingRetry<
            InFlight<BillingCompensationTracker<Classify<SizeAwareTimeout<ForceHttp1<S>>, C>, L>>,
        >,
    >,
>;

/// The request body that the client below a [`Stack`] gets for a caller's body `B`: the type parameter of a
/// client that is put into one.
pub type StackRequestBody<B> = RequestBody<ReplayBody<B>>;

/// The response body that a [`Stack`] makes of a client's body `B`.
pub type StackResponseBody<B, L = MemoryLedger, C = DefaultClassifier> = retry::ResponseBody<
    in_flight::ResponseBody<
        billing::ResponseBody<classify::ResponseBody<timeout::ResponseBody<B>, C>, L>,
    >,
>;

/// All layers in their order, from one [`Policy`].
///
/// ```
/// use longhaul::{Stack, policy::Policy};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let stack = Stack::new(Policy::nano_banana_pro())?;
/// let client = stack.layer(client);
/// // … make calls; then:
/// for record in stack.ledger().records() {
///     println!("{record:?}");
/// }
/// # Ok(()) }
/// ```
///
/// Customised: a classifier and an observer of one's own.
///
/// ```
/// use longhaul::{Stack, policy::Policy, classify::Classifier, observe::Observer};
///
/// # fn example(classifier: impl Classifier) -> Result<(), longhaul::ConfigError> {
/// let stack = Stack::new(Policy::careful())?
///     .with_classifier(classifier)
///     .with_observer(Observer::new(|event: &longhaul::observe::Event<'_>| println!("{event:?}")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Stack<L = MemoryLedger, C = DefaultClassifier> {
    policy: Policy,
    detect: DetectWorkloadLayer,
    fallback: FallbackLayer,
    retry: ClassifyingRetryLayer,
    in_flight: InFlightLayer,
    timeout: SizeAwareTimeoutLayer,
    http1: ForceHttp1Layer,
    ledger: L,
    tracker: BillingCompensationTrackerLayer<L>,
    classify: ClassifyLayer<C>,
}

impl Stack {
    /// The layers of `policy`, with a ledger in memory and the built-in classifier. Refuses a policy that
    /// cannot work, naming the field.
    pub fn new(policy: Policy) -> Result<Self, ConfigError> {
        policy.validate()?;
        let ledger = MemoryLedger::default();
        let detect = DetectWorkloadLayer::new(policy.detect.clone())?;
        Ok(Self {
            fallback: FallbackLayer::new(policy.fallback.clone())
                .map_err(|error| error.under("fallback"))?
                .with_replay_budget(detect.replay_budget()),
            detect,
            retry: ClassifyingRetryLayer::new(
                policy.retry.clone().with_deadline_from(policy.timeout.head),
            )?
            .with_prices(PriceTable::new(policy.billing.prices.clone())?),
            in_flight: InFlightLayer::new(policy.in_flight.clone())?,
            timeout: SizeAwareTimeoutLayer::new(policy.timeout.clone())?,
            http1: ForceHttp1Layer::new(policy.http1.clone())?,
            tracker: BillingCompensationTrackerLayer::new(policy.billing.clone(), ledger.clone())?,
            classify: ClassifyLayer::new(policy.classify)?,
            ledger,
            policy,
        })
    }
}

impl<L, C> Stack<L, C> {
    /// The same layers with this ledger.
    pub fn with_ledger<M: Ledger + Clone>(self, ledger: M) -> Stack<M, C> {
        Stack {
            tracker: self.tracker.with_ledger(ledger.clone()),
            ledger,
            policy: self.policy,
            detect: self.detect,
            fallback: self.fallback,
            retry: self.retry,
            in_flight: self.in_flight,
            timeout: self.timeout,
            http1: self.http1,
            classify: self.classify,
        }
    }

    /// The same layers with this classifier.
    pub fn with_classifier<D: Classifier>(self, classifier: D) -> Stack<L, D> {
        Stack {
            classify: self.classify.with(classifier),
            policy: self.policy,
            detect: self.detect,
            fallback: self.fallback,
            retry: self.retry,
            in_flight: self.in_flight,
            timeout: self.timeout,
            http1: self.http1,
            ledger: self.ledger,
            tracker: self.tracker,
        }
    }

    /// Tells `observer` of the events of all operations.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.fallback = self.fallback.with_observer(observer.clone());
        self.retry = self.retry.with_observer(observer);
        self
    }

    /// The ledger that every attempt is written into.
    pub const fn ledger(&self) -> &L {
        &self.ledger
    }

    /// How many calls are in flight now, all hosts together: 0 once every call and every body has ended or was
    /// dropped.
    pub fn in_flight(&self) -> usize {
        self.in_flight.taken()
    }

    /// The money of all operations; `None` where the policy has neither a budget nor a cap.
    pub const fn spending(&self) -> Option<&Spending> {
        self.retry.spending()
    }

    /// The policy that the layers keep.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl<S, L: Clone, C: Clone> Layer<S> for Stack<L, C> {
    type Service = StackService<S, L, C>;

    fn layer(&self, client: S) -> Self::Service {
        let attempt = self.timeout.layer(self.http1.layer(client));
        let recorded = self.tracker.layer(self.classify.layer(attempt));
        let operation = self.retry.layer(self.in_flight.layer(recorded));
        self.detect.layer(self.fallback.layer(operation))
    }
}
