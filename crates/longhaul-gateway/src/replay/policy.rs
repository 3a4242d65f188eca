use std::{path::PathBuf, time::Duration};

use http::HeaderName;

use crate::{body::ReadLimits, config::ReplayConfig};

/// What [`IdempotentReplay`](super::IdempotentReplay) remembers, and for how long.
///
/// ```
/// use std::time::Duration;
/// use longhaul_gateway::replay::ReplayPolicy;
///
/// let mut policy = ReplayPolicy::new("/var/lib/longhaul/answers");
/// assert_eq!(policy.keep, Duration::from_secs(24 * 3600));
/// // Two equal prompts are one picture here.
/// policy.coalesce = true;
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReplayPolicy {
    /// Where answers are spooled.
    pub folder: PathBuf,
    /// How long an answer is kept after its operation ended. Default 24 h.
    pub keep: Duration,
    /// Bytes of all kept answers together; the oldest go first. Default 10 GiB.
    pub quota_bytes: u64,
    /// For how long after its end an SDK's retry finds an operation. Default 10 min.
    pub sdk_retries_within: Duration,
    /// Whether first requests with an equal body attach to a running operation too. Default no.
    pub coalesce: bool,
    /// The header with the caller's key. Default `idempotency-key`.
    pub key_header: HeaderName,
    /// The header in which SDKs count their retries from 0. Default `x-stainless-retry-count`.
    pub retry_header: HeaderName,
    /// How a caller's body is read.
    pub limits: ReadLimits,
}

impl ReplayPolicy {
    /// The defaults, with answers in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            ..Self::from(&ReplayConfig::default())
        }
    }
}

impl From<&ReplayConfig> for ReplayPolicy {
    fn from(config: &ReplayConfig) -> Self {
        Self {
            folder: config.folder.clone(),
            keep: config.keep,
            quota_bytes: config.quota_bytes,
            sdk_retries_within: config.sdk_retries_within,
            coalesce: config.coalesce,
            key_header: HeaderName::from_static("idempotency-key"),
            retry_header: HeaderName::from_static("x-stainless-retry-count"),
            limits: ReadLimits::default(),
        }
    }
}
