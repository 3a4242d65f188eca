//! Adding to an instant without a panic. Policies may say "never" by a very long duration, and `Instant + Duration` panics
//! beyond the range of the platform's clock.

use std::time::Duration;

use tokio::time::Instant;

/// `instant + duration`, but at most thirty years after `instant`: later than any call ends, and within every clock's range.
pub(crate) fn after(instant: Instant, duration: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    instant + duration.min(THIRTY_YEARS)
}
