//! What people and providers read on their clocks; never used to measure anything.

use std::time::SystemTime;

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for the wall clock"
)]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}
