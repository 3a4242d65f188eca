//! What people and providers read on their clocks; never used to measure anything.
//!
//! It jumps: when a time server corrects it, when somebody sets it, when a virtual machine was asleep. A duration that was
//! measured by it could end a paid call. Every duration is tokio's; what is read here is written into ledgers and compared
//! with dates in headers.

use std::time::SystemTime;

/// The time of day.
pub(crate) fn wall_clock() -> SystemTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for the wall clock"
    )]
    let now = SystemTime::now();
    #[cfg(test)]
    let now = tests::moved(now);
    now
}

/// A wall clock that a test sets, on its own thread.
#[cfg(test)]
pub(crate) mod tests {
    use std::{
        cell::Cell,
        time::{Duration, SystemTime},
    };

    thread_local! {
        /// Seconds that it is ahead.
        static AHEAD: Cell<i64> = const { Cell::new(0) };
    }

    /// Sets the clock on by so many seconds, or back.
    pub(crate) fn wall_clock_ahead(seconds: i64) {
        AHEAD.set(AHEAD.get() + seconds);
    }

    pub(super) fn moved(now: SystemTime) -> SystemTime {
        let ahead = AHEAD.get();
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { now - by } else { now + by }
    }
}
