use std::time::{Duration, SystemTime};

/// What is needed to collect a task: enough for another process, and nothing that must be kept secret.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The [name](super::Dialect::name) of its dialect.
    pub dialect: Box<str>,
    /// The provider's id.
    pub id: Box<str>,
    /// Where it is polled, with the key of whoever submitted it.
    pub poll_url: Box<str>,
    /// When the provider forgets it, in seconds since 1970, where that is known.
    pub expires: Option<u64>,
}

impl TaskHandle {
    /// A handle that was written down.
    pub fn new(
        dialect: impl Into<Box<str>>,
        id: impl Into<Box<str>>,
        poll_url: impl Into<Box<str>>,
        expires: Option<u64>,
    ) -> Self {
        Self {
            dialect: dialect.into(),
            id: id.into(),
            poll_url: poll_url.into(),
            expires,
        }
    }
}

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
