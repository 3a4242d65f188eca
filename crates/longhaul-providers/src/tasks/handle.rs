use std::time::{Duration, SystemTime};

/// The second since 1970 that is `span` from now.
#[expect(
    clippy::disallowed_methods,
    reason = "a handle is read by other processes: its expiry is wall-clock time by nature"
)]
pub(super) fn seconds_in(span: Duration) -> Option<u64> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    now.checked_add(span).map(|time| time.as_secs())
}
