//! The time of day: what people and databases read.
//!
//! All clocks of this crate are tokio's, so that tests run on paused time. What databases and people read is a time
//! of day, and comes from here; a lint refuses every other place.

use std::time::{SystemTime, UNIX_EPOCH};

/// It may jump, in both directions: nothing waits by it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for the wall clock"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Milliseconds since 1970.
///
/// Before 1970 it is 0, and never negative.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
