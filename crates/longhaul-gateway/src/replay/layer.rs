use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_layer::Layer;

use super::{
    AnswerStore, IdempotentReplay, Index, MemoryIndex, ReplayPolicy, SqlIndex,
    operation::Operations,
};
use crate::{
    config::Config,
    core::{BoxError, ConfigError},
};

/// Puts an [`IdempotentReplay`] around a service. All services that it makes share their operations.
///
/// ```
/// use longhaul_gateway::replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy};
///
/// let mut policy = ReplayPolicy::new("answers");
/// policy.quota_bytes = 1 << 30;
/// let layer = IdempotentReplayLayer::new(policy, MemoryIndex::new()?);
/// assert_eq!(layer.replays().running(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct IdempotentReplayLayer {
    replays: Replays,
}

impl IdempotentReplayLayer {
    /// Remembers by `policy`, in `index`.
    pub fn new(policy: ReplayPolicy, index: impl Index) -> Self {
        Self {
            replays: Replays(Arc::new(Shared {
                policy,
                index: Box::new(index),
                store: OnceLock::new(),
                operations: Operations::default(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                swept: Mutex::new(0),
            })),
        }
    }

    /// The layer of the gateway with this configuration, whose process is kept alive in the index; `None` where it remembers
    /// nothing.
    pub(crate) async fn configured(config: &Config) -> Result<Option<Self>, ConfigError> {
        if !config.replay.on {
            return Ok(None);
        }
        let policy = ReplayPolicy::from(&config.replay);
        let failed = |error: BoxError| ConfigError::new("state", error.to_string());
        let layer = if config.state == "memory" {
            let index = MemoryIndex::new().map_err(|error| failed(error.into()))?;
            Self::new(policy, index)
        } else {
            let index = SqlIndex::open(&config.state).await.map_err(failed)?;
            Self::new(policy, index.with_lease(config.replay.lease))
        };
        let layer = match &config.replay.store {
            None => layer,
            Some(url) => {
                layer.with_store(AnswerStore::open(url).map_err(|error| error.under("replay"))?)
            }
        };
        layer.replays().keep_alive(config.replay.lease / 6);
        Ok(Some(layer))
    }

    /// Keeps answers in `store`; the policy's folder has those that are still coming. Before the first service is made.
    pub fn with_store(self, store: AnswerStore) -> Self {
        let first = self.replays.0.store.set(store);
        debug_assert!(first.is_ok(), "there is a store already");
        self
    }

    /// All operations of this layer: to look at them, to collect them, to wait for their end.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use longhaul_gateway::replay::Replays;
    ///
    /// # async fn example(replays: Replays) {
    /// println!("{} operations run, {} of them without a caller", replays.running(), replays.detached());
    /// // At the end of the process:
    /// if tokio::time::timeout(Duration::from_secs(600), replays.idle()).await.is_err() {
    ///     replays.stop().await;
    /// }
    /// # }
    /// ```
    pub fn replays(&self) -> Replays {
        self.replays.clone()
    }
}

impl<S> Layer<S> for IdempotentReplayLayer {
    type Service = IdempotentReplay<S>;

    fn layer(&self, inner: S) -> Self::Service {
        IdempotentReplay::new(inner, self.replays.clone())
    }
}

/// All operations of a layer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replays(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: ReplayPolicy,
    pub(super) index: Box<dyn Index>,
    pub(super) store: OnceLock<AnswerStore>,
    pub(super) operations: Operations,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    /// When it was last looked for what is too old, in milliseconds since 1970. Locked by the one who looks.
    pub(super) swept: Mutex<i64>,
}

impl Replays {
    /// Operations that run, with callers or without.
    pub fn running(&self) -> usize {
        self.0.operations.running()
    }

    /// Those of them that run on without a caller.
    pub fn detached(&self) -> usize {
        self.0.operations.detached()
    }

    /// Where operations are written down.
    pub fn index(&self) -> &dyn Index {
        &*self.0.index
    }

    /// Ends when no operation runs. To be asked when no new ones come.
    pub async fn idle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Ends all operations that run, and waits until each is written down: as of unknown outcome, where it may have been
    /// charged. To be asked when their time is over.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.idle().await;
    }
}
