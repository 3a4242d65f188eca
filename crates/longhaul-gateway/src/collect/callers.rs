//! Who comes back for what is collected.
//!
//! Collecting knows tasks by the ledger; callers know operations by key or address. Both have the operation's id, and
//! this is where one becomes the other. It is kept apart from `Collector`, so that a ledger can be collected of which
//! no gateway knows anything.

use super::{Fetched, Left};
use crate::{
    config::Config,
    core::{BoxError, ConfigError},
    replay::{IdempotentReplayLayer, LateAnswer, PublicId, Replays, Resumed},
};

/// The callers of a gateway that is gone. One that comes back with its idempotency key, or asks at its operation's
/// address, gets what was collected meanwhile.
///
/// ```no_run
/// use longhaul_gateway::{collect::ReturningCallers, config::Config};
///
/// # async fn example() -> Result<(), longhaul::ConfigError> {
/// let config = Config::load("gateway.toml".as_ref())?;
/// // `None` where the gateway remembers nothing beyond its own end.
/// let callers = ReturningCallers::open(&config).await?;
/// # Ok(()) }
/// ```
///
/// Around each task: [`expect`](Self::expect) before it is asked after, [`Expected::tell`] with what came. In
/// between, whoever comes back waits.
///
/// ```no_run
/// use longhaul_gateway::collect::{Collector, Left, ReturningCallers};
/// use longhaul_providers::tasks::TasksPolicy;
///
/// async fn one(
///     callers: &ReturningCallers,
///     collector: &Collector,
///     left: &Left,
///     key: http::HeaderMap,
/// ) -> Result<(), longhaul::BoxError> {
///     let expected = callers.expect(left).await?;
///     let fetched = collector.collect(left, &TasksPolicy::default(), key).await;
///     // Told in either case: an error leaves the outcome unknown, as it was.
///     expected.tell(fetched.ok()).await;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ReturningCallers(Replays);

/// One operation that is being collected. Until it is [told](Self::tell) what came, a caller that comes back for it
/// waits.
///
/// Dropped, those who wait are refused with 409, and no end is written down: tell it what came in any case. It stands
/// for nobody where no caller is expected: telling it then does nothing.
#[must_use = "dropped, the outcome of the operation is unknown, as before"]
pub struct Expected(Option<Resumed>);

impl ReturningCallers {
    /// Those of the gateway with this configuration: of its `state`, with answers in its `replay.folder` or `replay.store`.
    /// `None` where it remembers nothing, or only in memory.
    ///
    /// A `state` in a file must be nobody else's meanwhile: see [`StateLock`](crate::replay::StateLock). One in PostgreSQL may be
    /// shared with gateways that run: what one of them has taken up is left to it.
    ///
    /// # Errors
    ///
    /// About `state` or `replay`, where one of them cannot be opened.
    pub async fn open(config: &Config) -> Result<Option<Self>, ConfigError> {
        if config.state == "memory" {
            return Ok(None);
        }
        let layer = IdempotentReplayLayer::configured(config).await?;
        Ok(layer.map(|layer| Self(layer.replays())))
    }

    /// Of a gateway that runs, which has them open already.
    pub(crate) const fn of(replays: Replays) -> Self {
        Self(replays)
    }

    /// From now on, whoever comes back for the operation of `left` waits. No caller is expected where the call did
    /// not come through this gateway, where another process has taken the operation up, or where the operation has
    /// ended already.
    ///
    /// # Errors
    ///
    /// What the index says.
    pub async fn expect(&self, left: &Left) -> Result<Expected, BoxError> {
        let Some(opening) = left.opening() else {
            return Ok(Expected(None));
        };
        let id = PublicId::of_operation(opening.operation);
        Ok(Expected(self.0.resume(id).await?))
    }
}

impl Expected {
    /// Hands over what came, and keeps it for whoever comes later. Where `fetched` is `None`, still open or without
    /// an answer, the outcome is unknown, as before. When this returns, either is written down.
    ///
    /// That takes as long as a database is gone.
    pub async fn tell(self, fetched: Option<Fetched>) {
        let Some(resumed) = self.0 else {
            return;
        };
        match fetched.and_then(late) {
            Some(answer) => resumed.answered(answer).await,
            None => resumed.unknown().await,
        }
    }
}

/// What is needed of a task to answer its caller: status, body, class and cost. An expired task has none of the first
/// two, and its caller is told that the outcome is unknown; the claim is in the ledger.
fn late(fetched: Fetched) -> Option<LateAnswer> {
    let closing = fetched.closing?;
    Some(LateAnswer {
        status: closing.status?,
        body: fetched.answer?,
        class: closing.outcome.class,
        cost: closing.outcome.exposure,
    })
}

impl std::fmt::Debug for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expected")
            .field("by_a_caller", &self.0.is_some())
            .finish_non_exhaustive()
    }
}
