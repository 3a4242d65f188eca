//! How entries are written out.
//!
//! For people and for the tools that they feed: a log is searched by a time in UTC, not by seconds since 1970.

use std::time::SystemTime;

use http::{StatusCode, Version};
use serde::{Serialize, Serializer};

/// As in RFC 3339, in UTC, to the millisecond: what a provider's log is searched by.
pub(super) fn time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = (*time).max(SystemTime::UNIX_EPOCH);
    serializer.collect_str(&humantime::format_rfc3339_millis(time))
}

/// As a number.
pub(super) fn status<S: Serializer>(
    status: &Option<StatusCode>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    status.map(|status| status.as_u16()).serialize(serializer)
}

/// As it is written on the wire: `HTTP/1.1`.
pub(super) fn version<S: Serializer>(
    version: &Option<Version>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    version
        .map(|version| format!("{version:?}"))
        .serialize(serializer)
}
