//! Times of day as microseconds and as text.
//!
//! Both are stretched and cut like the columns of the ledger, so that a damaged time stops no report.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::store::{day_micros, time_of_day};

/// RFC 3339, in UTC, as fine as needed.
pub(super) fn text(time: SystemTime) -> String {
    let timestamp = Timestamp::from_microsecond(day_micros(time));
    timestamp.map_or_else(|_| "out of range".to_owned(), |time| time.to_string())
}

/// The moment `micros` after `time`.
pub(super) fn shifted(time: SystemTime, micros: i64) -> SystemTime {
    time_of_day(day_micros(time).saturating_add(micros))
}
