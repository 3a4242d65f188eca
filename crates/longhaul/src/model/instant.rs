use std::time::Duration;

use tokio::time::Instant;

/// `instant + duration`, saturating thirty years from now.
pub(crate) fn after(instant: Instant, duration: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    instant + duration.min(THIRTY_YEARS)
}
