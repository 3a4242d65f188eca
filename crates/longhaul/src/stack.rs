//! All layers in their order, from one [`Policy`].
//!
//! The order is fixed by what each layer may assume: a retry above the tracker makes an entry for each attempt, a tracker
//! above the clocks can tell a timeout from a caller that left, and one classifier judges for all. What layers share (prices,
//! history, memory) is given to them here.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use std::sync::Arc;
use tower::{ServiceExt, util::BoxCloneSyncService};

use tower_layer::{Identity, Layer};
use tower_service::Service;

use crate::{
    billing::{
        self, BillingCompensationTracker, BillingCompensationTrackerLayer, Ledger, MemoryLedger,
    },
    body::ReplayBody,
    classify::{self, Classifier, Classify, ClassifyLayer, DefaultClassifier},
    config::ConfigError,
    detect::{DetectWorkload, DetectWorkloadLayer},
    error::Error,
    fallback::{Fallback, FallbackLayer, PassthroughRewrite, Rewrite},
    http1::{ForceHttp1, ForceHttp1Layer},
    in_flight::{self, InFlight, InFlightLayer},
    model::{PriceTable, RouteHistory},
    observe::Observer,
    policy::Policy,
    retry::{self, ClassifyingRetry, ClassifyingRetryLayer, Spending},
    timeout::{self, RequestBody, SizeAwareTimeout, SizeAwareTimeoutLayer},
};

/// What [`Stack`] makes of a client `S`: the layers, outermost first.
pub type StackService<S, L = MemoryLedger, C = DefaultClassifier, X = Identity> = DetectWorkload<
    Fallback<ClassifyingRetry<InFlight<BillingCompensationTracker<AttemptService<S, C, X>, L>>>>,
>;

/// What one attempt goes through: judged, timed, exchanged.
type AttemptService<S, C, X> = Classify<SizeAwareTimeout<<X as Layer<ForceHttp1<S>>>::Service>, C>;

/// The request body that the client below a [`Stack`] gets for a caller's body `B`: the type parameter of a
/// client that is put into one.
pub type StackRequestBody<B> = RequestBody<ReplayBody<B>>;

/// The response body that a [`Stack`] makes of a client's body `B`.
pub type StackResponseBody<B, L = MemoryLedger, C = DefaultClassifier> = retry::ResponseBody<
    in_flight::ResponseBody<
        billing::ResponseBody<classify::ResponseBody<timeout::ResponseBody<B>, C>, L>,
    >,
>;

/// What [`Stack::boxed`] makes, for requests with the body `B`.
pub type BoxedStack<B> =
    BoxCloneSyncService<Request<B>, Response<UnsyncBoxBody<Bytes, Error>>, Error>;

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
/// let stack = Stack::new(Policy::no_duplicate_charges())?
///     .with_classifier(classifier)
///     .with_observer(Observer::new(|event: &longhaul::observe::Event<'_>| println!("{event:?}")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Stack<L = MemoryLedger, C = DefaultClassifier, X = Identity> {
    shared: Shared,
    ledger: L,
    tracker: BillingCompensationTrackerLayer<L>,
    classify: ClassifyLayer<C>,
    exchange: X,
}

/// The layers whose types are the same in every stack.
#[derive(Clone, Debug)]
struct Shared {
    policy: Policy,
    detect: DetectWorkloadLayer,
    fallback: FallbackLayer,
    retry: ClassifyingRetryLayer,
    in_flight: InFlightLayer,
    timeout: SizeAwareTimeoutLayer,
    http1: ForceHttp1Layer,
}

impl Stack {
    /// The layers of `policy`, with a ledger in memory and the built-in classifier. Refuses a policy that
    /// cannot work, naming the field, and one with a fallback target whose requests must be
    /// [rewritten](Self::with_rewrite).
    pub fn new(policy: Policy) -> Result<Self, ConfigError> {
        Self::with_rewrite(policy, PassthroughRewrite)
    }

    /// The same as [`new`](Self::new), where `rewrite` makes the requests for fallback targets:
    /// `Stack::with_rewrite(policy, longhaul_providers::rewrite::ProviderRewrite)` knows the dialects of providers. Refuses a
    /// policy with a target that it makes none for.
    ///
    /// # Errors
    ///
    /// The field of the policy that cannot work, as [`Policy::validate`] names it, or the target that `rewrite` refuses:
    ///
    /// ```
    /// use longhaul::{Stack, fallback::{Dialect, FallbackPolicy, PassthroughRewrite, Target}, policy::Policy};
    ///
    /// let mut other = Target::new("gemini", "https://generativelanguage.googleapis.com");
    /// other.dialect = Dialect::Gemini;
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.fallback = FallbackPolicy::to([other]);
    /// let error = Stack::with_rewrite(policy, PassthroughRewrite).unwrap_err();
    /// assert_eq!(error.field(), "fallback.targets[0].dialect", "it writes no other dialect");
    /// ```
    pub fn with_rewrite(policy: Policy, rewrite: impl Rewrite) -> Result<Self, ConfigError> {
        policy.validate()?;
        let ledger = MemoryLedger::default();
        let routes = RouteHistory::new();
        let detect = DetectWorkloadLayer::new(policy.detect.clone())?;
        Ok(Self {
            tracker: BillingCompensationTrackerLayer::new(policy.billing.clone(), ledger.clone())?,
            classify: ClassifyLayer::new(policy.classify)?.with_history(routes.clone()),
            exchange: Identity::new(),
            ledger,
            shared: Shared {
                fallback: FallbackLayer::with_rewrite(policy.fallback.clone(), rewrite)
                    .map_err(|error| error.under("fallback"))?
                    .with_replay_budget(detect.replay_budget()),
                detect,
                retry: ClassifyingRetryLayer::new(policy.retry.clone())?
                    .with_prices(PriceTable::new(policy.billing.prices.clone())?)
                    .with_limits(Arc::new(policy.timeout.clone()))
                    .with_history(routes),
                in_flight: InFlightLayer::new(policy.in_flight.clone())?,
                timeout: SizeAwareTimeoutLayer::new(policy.timeout.clone())?,
                http1: ForceHttp1Layer::new(policy.http1.clone())?,
                policy,
            },
        })
    }
}

impl<L, C, X> Stack<L, C, X> {
    /// The same layers with this ledger.
    ///
    /// ```
    /// use longhaul::{Stack, billing::MemoryLedger, policy::Policy};
    ///
    /// // Two stacks, one book.
    /// let ledger = MemoryLedger::new();
    /// let careful = Stack::new(Policy::no_duplicate_charges())?.with_ledger(ledger.clone());
    /// let default = Stack::new(Policy::nano_banana_pro())?.with_ledger(ledger.clone());
    /// assert_eq!(ledger.records(), []);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn with_ledger<M: Ledger + Clone>(self, ledger: M) -> Stack<M, C, X> {
        Stack {
            tracker: self.tracker.with_ledger(ledger.clone()),
            ledger,
            shared: self.shared,
            classify: self.classify,
            exchange: self.exchange,
        }
    }

    /// The same layers with this classifier.
    pub fn with_classifier<D: Classifier>(self, classifier: D) -> Stack<L, D, X> {
        Stack {
            classify: self.classify.with_classifier(classifier),
            shared: self.shared,
            ledger: self.ledger,
            tracker: self.tracker,
            exchange: self.exchange,
        }
    }

    /// The same layers with this one between the limits by size and HTTP/1.1: it makes one call several requests, such as
    /// submit and poll, and gives one answer. One generation stays one attempt and one ledger entry.
    ///
    /// ```
    /// use longhaul::{Stack, http1::ForceHttp1, policy::Policy};
    /// use tower_layer::{Layer, layer_fn};
    ///
    /// /// Submits a task, polls it, and answers with what was collected. What goes through it is one attempt.
    /// struct Exchange<S>(ForceHttp1<S>);
    ///
    /// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
    /// let stack = Stack::new(Policy::nano_banana_pro())?.with_exchange(layer_fn(Exchange));
    /// let client = stack.layer(client);
    /// # Ok(()) }
    /// ```
    pub fn with_exchange<Y>(self, exchange: Y) -> Stack<L, C, Y> {
        Stack {
            exchange,
            shared: self.shared,
            ledger: self.ledger,
            tracker: self.tracker,
            classify: self.classify,
        }
    }

    /// Puts the layers around `client` and hides the types: a service that can be cloned and shared among threads, such as
    /// servers want it.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Stack, StackRequestBody, policy::Policy};
    /// use tower::service_fn;
    ///
    /// # fn example() -> Result<(), longhaul::ConfigError> {
    /// let client = service_fn(async |_: Request<StackRequestBody<Full<Bytes>>>| {
    ///     Ok::<_, std::io::Error>(Response::new(Full::new(Bytes::from_static(b"{}"))))
    /// });
    /// let client = Stack::new(Policy::nano_banana_pro())?.boxed(client);
    /// # Ok(()) }
    /// ```
    pub fn boxed<S, B, R>(&self, client: S) -> BoxedStack<B>
    where
        Self: Layer<S>,
        <Self as Layer<S>>::Service: Service<Request<B>, Response = Response<R>, Error = Error>
            + Clone
            + Send
            + Sync
            + 'static,
        <<Self as Layer<S>>::Service as Service<Request<B>>>::Future: Send + 'static,
        R: Body<Data = Bytes, Error = Error> + Send + 'static,
        B: 'static,
    {
        let service = self.layer(client);
        BoxCloneSyncService::new(
            service.map_response(|response: Response<R>| response.map(UnsyncBoxBody::new)),
        )
    }

    /// Tells `observer` of the events of all operations.
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.shared.fallback = self.shared.fallback.with_observer(observer.clone());
        self.shared.retry = self.shared.retry.with_observer(observer);
        self
    }

    /// The ledger that every attempt is written into.
    ///
    /// ```
    /// use longhaul::{Stack, policy::Policy};
    ///
    /// let stack = Stack::new(Policy::nano_banana_pro())?;
    /// // … make calls; at the end of the program:
    /// let totals = stack.ledger().totals();
    /// assert_eq!(totals.unknown, 0, "no attempt without a price");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn ledger(&self) -> &L {
        &self.ledger
    }

    /// The same layers with this history of routes: to share one among stacks whose calls take the same ways.
    ///
    /// ```
    /// use longhaul::{RouteHistory, Stack, policy::Policy};
    ///
    /// // What one stack learns of the company's proxy, the other knows.
    /// let routes = RouteHistory::new();
    /// let pictures = Stack::new(Policy::nano_banana_pro())?.with_routes(routes.clone());
    /// let careful = Stack::new(Policy::no_duplicate_charges())?.with_routes(routes.clone());
    /// assert!(routes.routes().is_empty(), "no call was made yet");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn with_routes(mut self, routes: RouteHistory) -> Self {
        self.shared.retry = self.shared.retry.with_history(routes.clone());
        self.classify = self.classify.with_history(routes);
        self
    }

    /// What is known of the routes that calls have taken: after how long a silence each cuts, how many it cuts, what
    /// chance that leaves each size, and when the next call goes to see whether that is still so. It can be
    /// [cleared](RouteHistory::clear), once a route was mended.
    pub const fn routes(&self) -> &RouteHistory {
        self.shared.retry.history()
    }

    /// How many calls are in flight now, all hosts together, each counted once however many of its attempts run: 0
    /// once every call and every body has ended or was dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), longhaul::ConfigError> {
    /// use longhaul::{Stack, policy::Policy};
    ///
    /// /// At shutdown: waits until what is paid for has arrived.
    /// async fn drained(stack: &Stack) {
    ///     while stack.in_flight() > 0 {
    ///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///     }
    /// }
    ///
    /// drained(&Stack::new(Policy::nano_banana_pro())?).await;
    /// # Ok(()) }
    /// ```
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.taken()
    }

    /// The money of all operations; `None` where the policy has neither a budget nor a cap.
    ///
    /// ```
    /// use longhaul::{Currency, Stack, policy::Policy};
    ///
    /// let mut policy = Policy::nano_banana_pro();
    /// assert!(Stack::new(policy.clone())?.spending().is_none());
    /// policy.retry.spending_cap = Some("50.00 USD".parse()?);
    /// let stack = Stack::new(policy)?;
    /// assert_eq!(stack.spending().unwrap().balance(Currency::USD).spent, 0);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn spending(&self) -> Option<&Spending> {
        self.shared.retry.spending()
    }

    /// The policy that the layers keep.
    ///
    /// As it was given: what each layer made of it (read keys, parsed tables) is not shown.
    pub const fn policy(&self) -> &Policy {
        &self.shared.policy
    }
}

impl<S, L, C, X> Layer<S> for Stack<L, C, X>
where
    L: Clone,
    C: Clone,
    X: Layer<ForceHttp1<S>>,
{
    type Service = StackService<S, L, C, X>;

    fn layer(&self, client: S) -> Self::Service {
        let layers = &self.shared;
        let exchange = self.exchange.layer(layers.http1.layer(client));
        let attempt = self.classify.layer(layers.timeout.layer(exchange));
        let queued = layers.in_flight.layer(self.tracker.layer(attempt));
        let operation = layers.fallback.layer(layers.retry.layer(queued));
        layers.detect.layer(operation)
    }
}
