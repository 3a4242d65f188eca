//! The connect clock. The stages share what is left of it: a slow DNS server leaves less for TLS.
//!
//! Limits for each stage would add up to more than anybody has agreed to, or leave none of the stages enough.

use std::time::Duration;

use longhaul::{BoxError, error::ConnectStage};
use tokio::time::{Instant, timeout};

use super::error::ConnectError;

/// One limit over all stages of a connect.
pub(super) struct ConnectClock {
    started: Instant,
    limit: Duration,
}

impl ConnectClock {
    /// Counts from now.
    pub(super) fn start(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            limit,
        }
    }

    /// Does the work of `stage` within what is left. Work is polled before the clock.
    ///
    /// A stage that fails within the limit fails with its own error.
    pub(super) async fn within<T>(
        &self,
        stage: ConnectStage,
        work: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, ConnectError> {
        let left = self.limit.saturating_sub(self.started.elapsed());
        match timeout(left, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => Err(ConnectError::new(stage, source)),
            Err(_) => Err(ConnectError::timed_out_in(
                stage,
                self.limit,
                self.started.elapsed(),
            )),
        }
    }
}
