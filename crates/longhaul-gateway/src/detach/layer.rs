//! The layer counts what runs on, so that a process can wait for it: calls without a caller are no connections, and a
//! server's own shutdown does not see them.

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_layer::Layer;

use super::Detach;

/// Puts a [`Detach`] around a service. All services that it makes share one list of calls that run on.
///
/// ```no_run
/// use std::time::Duration;
/// use longhaul_gateway::detach::DetachLayer;
///
/// # async fn example(detach: DetachLayer) {
/// // At the end of the process: ten minutes for what is paid for already, and then no more.
/// if tokio::time::timeout(Duration::from_secs(600), detach.idle()).await.is_err() {
///     detach.stop().await;
/// }
/// assert_eq!(detach.running(), 0);
/// # }
/// ```
///
/// Below [`IdempotentReplay`](crate::replay) the calls run on its tasks, and it is
/// [`Replays`](crate::replay::Replays) that is to be waited for; here nothing is counted then.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct DetachLayer {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl DetachLayer {
    /// Calls that run, with callers or without.
    ///
    /// Calls that are polled by a layer above are not among them.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Ends when no call runs. To be asked when no new ones come.
    ///
    /// It may take as long as a call's deadline, so that a limit belongs around it. Dropped, it changes nothing.
    pub async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends all calls that run, and waits until each has its outcome. An answer that was on its way to a caller ends in an
    /// error, so that half a picture does not look like a whole one. To be asked when their time is over.
    ///
    /// Each attempt that is dropped so is `Cancelled`, with what it may have cost. A call that begins afterwards ends
    /// at its first wait.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.idle().await;
    }

    /// The call is polled before the stop, so that an answer that is there in the same instant is taken.
    pub(super) fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = call => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

impl<S> Layer<S> for DetachLayer {
    type Service = Detach<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Detach::new(inner, self.clone())
    }
}
