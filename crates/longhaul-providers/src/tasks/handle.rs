//! The time of day, for handles and lists.
//!
//! Everything else in this crate is measured with tokio's clock, which tests can pause. A handle is read by another
//! process, perhaps on another machine, and a list's times are the provider's: only the time of day means the same to
//! both.

use std::time::{Duration, SystemTime};

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "handles are read by other processes, and lists of tasks are written by others: their times are wall-clock time"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// The second since 1970 that is `span` from now.
pub(super) fn seconds_in(span: Duration) -> Option<u64> {
    let now = now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    now.checked_add(span).map(|time| time.as_secs())
}
