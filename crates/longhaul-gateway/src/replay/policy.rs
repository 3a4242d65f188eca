//! What the layer remembers, as a value. A program of one's own sets it directly; the gateway makes it of its
//! [configuration](ReplayConfig), so that the defaults stand in one place.

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
    ///
    /// Made at the first answer, with the mode 0700; each file with 0600, named by the 32 digits of its operation.
    /// Files with other names are left alone.
    pub folder: PathBuf,
    /// How long an answer is kept after its operation ended. Default 24 h.
    ///
    /// Its key is known for ever: see [`Index`](super::Index). An operation without a key is known for as long as its
    /// answer. Either may stay for five minutes more, and until the next operation ends.
    pub keep: Duration,
    /// Bytes of all kept answers together; the oldest go first. Default 10 GiB.
    ///
    /// What is removed for it is lost to whoever comes later, and is not paid again under its key:
    /// [`State::Unknown`](super::State::Unknown).
    pub quota_bytes: u64,
    /// For how long after its end an SDK's retry finds an operation. Default 10 min.
    ///
    /// Operations that ended are in memory for so long; their answers are on the disk.
    pub sdk_retries_within: Duration,
    /// Whether first requests with an equal body attach to a running operation too. Default no.
    ///
    /// It attaches within this process. Two gateways of a fleet make two pictures of two equal requests; keys hold
    /// for all of them.
    pub coalesce: bool,
    /// The header with the caller's key. Default `idempotency-key`.
    ///
    /// A value of any bytes is a key, an empty one too. The header itself goes on with the request; the program's
    /// [upstreams](crate::upstream) take it out, since the layers send a key of their own.
    pub key_header: HeaderName,
    /// The header in which SDKs count their retries from 0. Default `x-stainless-retry-count`.
    ///
    /// OpenAI's SDKs send it with every request. A value that is no number counts as 0: a first request.
    pub retry_header: HeaderName,
    /// How a caller's body is read.
    ///
    /// It is read whole before anything is decided, since its digest tells whether two requests are the same.
    pub limits: ReadLimits,
}

impl ReplayPolicy {
    /// The defaults, with answers in `folder`.
    ///
    /// For a test, in a folder that goes away with it:
    ///
    /// ```
    /// use longhaul_gateway::replay::ReplayPolicy;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let mut policy = ReplayPolicy::new(folder.path().join("answers"));
    /// policy.quota_bytes = 10 << 20;
    /// assert_eq!(policy.key_header, "idempotency-key");
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
