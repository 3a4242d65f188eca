use std::sync::Arc;

use tower_layer::Layer;

use super::{
    policy::FallbackPolicy,
    rewrite::{PassthroughRewrite, Rewrite},
    service::Fallback,
    shared::Shared,
};
use crate::{body::MemoryBudget, config::ConfigError, observe::Observer};

/// Makes [`Fallback`] services. All that it makes share their breakers.
///
/// ```
/// use longhaul::fallback::{FallbackLayer, FallbackPolicy, Target};
/// use tower_layer::Layer;
///
/// # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
/// let other = Target::new("second door", "https://eu.relay.example.com");
/// let client = FallbackLayer::new(FallbackPolicy::to([other]))?.layer(client);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FallbackLayer {
    shared: Arc<Shared>,
    observer: Option<Observer>,
    replay: Option<MemoryBudget>,
}

impl FallbackLayer {
    /// Falls back by `policy`, and sends other targets the request as it came. Reads the keys that the policy names from
    /// the environment, and refuses one that cannot work, or that has a target whose requests must be
    /// [rewritten](Self::with_rewrite).
    pub fn new(policy: FallbackPolicy) -> Result<Self, ConfigError> {
        Self::with_rewrite(policy, PassthroughRewrite)
    }

    /// Falls back by `policy`, with requests as `rewrite` makes them. Refuses a policy with a target that it makes none for.
    pub fn with_rewrite(
        policy: FallbackPolicy,
        rewrite: impl Rewrite,
    ) -> Result<Self, ConfigError> {
        let rewrite: Arc<dyn Rewrite> = Arc::new(rewrite);
        Ok(Self {
            shared: Arc::new(Shared::new(policy, &rewrite)?),
            observer: None,
            replay: None,
        })
    }

    /// Holds the bodies that it writes anew within the limit that the callers' own are
    /// [held by](crate::detect::DetectPolicy::client_replay_limit). A [`Stack`](crate::Stack) does so.
    pub fn with_replay_budget(mut self, budget: MemoryBudget) -> Self {
        self.replay = Some(budget);
        self
    }

    /// Tells `observer` of the events of all operations.
    ///
    /// ```
    /// use longhaul::{fallback::{FallbackLayer, FallbackPolicy, Target}, observe::{Event, Observer}};
    ///
    /// let policy = FallbackPolicy::to([Target::new("relay", "https://relay.example.com")]);
    /// let layer = FallbackLayer::new(policy)?.with_observer(Observer::new(|event: &Event<'_>| {
    ///     if let Event::FallingBack { from, to, .. } = event {
    ///         println!("{to} is asked instead of {from}");
    ///     }
    /// }));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl Default for FallbackLayer {
    /// Off: it passes everything on.
    fn default() -> Self {
        Self::new(FallbackPolicy::default()).expect("the default policy is a valid one")
    }
}

impl<S> Layer<S> for FallbackLayer {
    type Service = Fallback<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Fallback::from_parts(
            inner,
            self.shared.clone(),
            self.observer.clone(),
            self.replay.clone(),
        )
    }
}
