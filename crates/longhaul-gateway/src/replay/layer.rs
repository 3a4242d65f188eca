//! The layer, and the handle on everything that it remembers.
//!
//! Both are one [`Replays`] behind an `Arc`: a service is made for each connection or for each call, and all of them
//! must find each other's operations.

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
///
/// It stands below [`Heartbeat`](crate::heartbeat), which keeps each caller's own line open, and above
/// [`Detach`](crate::detach), which then leaves it to this layer to know who the callers are.
#[derive(Clone, Debug)]
#[must_use]
pub struct IdempotentReplayLayer {
    replays: Replays,
}

impl IdempotentReplayLayer {
    /// Remembers by `policy`, in `index`.
    ///
    /// Nothing is opened, read or removed yet: see [`Replays::take_over`] and [`Replays::keep_alive`], which a
    /// process calls once.
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

    /// The layer of the gateway with this configuration; `None` where it remembers nothing. From here on a task says
    /// in the index that this process lives.
    ///
    /// `state` is opened here; a file must be nobody else's meanwhile. A sixth of the lease between two signs of life
    /// lets several fail in a row.
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
    ///
    /// Without it, answers stay in the folder, and another gateway that shares the index answers 410 for them. It may
    /// be given once: a second one is a mistake of the program, and has no effect in a release build.
    ///
    /// ```
    /// use longhaul_gateway::replay::{AnswerStore, IdempotentReplayLayer, MemoryIndex, ReplayPolicy};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let store = AnswerStore::open(&format!("file://{}/shared", folder.path().display()))?;
    /// let policy = ReplayPolicy::new(folder.path().join("coming"));
    /// let layer = IdempotentReplayLayer::new(policy, MemoryIndex::new()?).with_store(store);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
///
/// [`IdempotentReplayLayer::replays`] hands it out. It is how a process ends in order: [`idle`](Self::idle) waits,
/// [`stop`](Self::stop) ends what is left, and both leave nothing behind that is not written down.
#[derive(Clone, Debug)]
pub struct Replays(pub(super) Arc<Shared>);

/// What all clones of the layer, its services and its operations' tasks share. Tasks hold it too, so that it lives
/// until the last of them has written down how its operation ended.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: ReplayPolicy,
    pub(super) index: Box<dyn Index>,
    /// Set once by `with_store`; a lock that can be read without waiting, since every kept answer asks it.
    pub(super) store: OnceLock<AnswerStore>,
    pub(super) operations: Operations,
    pub(super) tasks: TaskTracker,
    /// Cancelled by `stop`: every task of an operation races it.
    pub(super) stop: CancellationToken,
    /// When it was last looked for what is too old, in milliseconds since 1970. Locked by the one who looks.
    pub(super) swept: Mutex<i64>,
}

impl Replays {
    /// Operations that run, with callers or without.
    ///
    /// Of this process; what another one that shares the index runs is not counted.
    pub fn running(&self) -> usize {
        self.0.operations.running()
    }

    /// Those of them that run on without a caller.
    ///
    /// They are what a process that ends waits for although nobody is connected to it.
    pub fn detached(&self) -> usize {
        self.0.operations.detached()
    }

    /// Where operations are written down.
    ///
    /// For what only the index knows, such as what a caller has spent:
    ///
    /// ```
    /// use longhaul_gateway::replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// let layer = IdempotentReplayLayer::new(ReplayPolicy::new("answers"), MemoryIndex::new()?);
    /// let (certain, possible) = layer.replays().index().spent("alice", longhaul::Currency::USD, None).await?;
    /// assert_eq!((certain, possible), (0, 0));
    /// # Ok(()) }
    /// ```
    pub fn index(&self) -> &dyn Index {
        &*self.0.index
    }

    /// Ends when no operation runs. Call it when no new ones come.
    ///
    /// It includes operations without callers, and the writing of their ends: it lasts as
    /// long as a database is gone, so that a limit belongs around it. Operations that begin while it waits are waited for too.
    /// Dropped, it changes nothing.
    pub async fn idle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Ends all operations that run, and waits until each is written down: as of unknown outcome where it may have
    /// been charged. Call it when their time is over.
    ///
    /// Callers that still wait are told 409 `outcome_unknown`; half an answer ends in an error. An operation that was
    /// free so far is written down as free. Once called, an operation that begins later ends at its first wait, so
    /// that it is the last thing that a process does with the layer.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.idle().await;
    }
}
