//! Who comes back for what is collected.

use super::{Fetched, Left};
use crate::{
    config::Config,
    core::{BoxError, ConfigError},
    replay::{IdempotentReplayLayer, LateAnswer, PublicId, Replays, Resumed},
};

/// The callers of a gateway that is gone: who comes back with an idempotency key, or asks for an operation by its address, gets
/// what was collected meanwhile.
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
#[derive(Clone, Debug)]
pub struct ReturningCallers(Replays);

/// One operation that is collected: until it is [told](Self::tell) what came, whoever comes back for it waits.
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

    pub(crate) const fn of(replays: Replays) -> Self {
        Self(replays)
    }

    /// Lets whoever comes back for the operation of `left` wait from now on. No caller is expected where none came through the
    /// gateway, where another process has taken the operation up, or where it is known already what came of it.
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
    /// Hands over what came, and keeps it for whoever comes later; nothing came where it is `None`, or still open: then the
    /// outcome is unknown, as before. When it returns, that is written down.
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
