//! The parts of the configuration that are tables of numbers: limits on callers, what is kept, the heartbeat.
//!
//! Each number is checked where it stands, and each check names its key. A zero is refused where it would make every
//! call fail or an endless loop; it is let through where it means "never" or "none", and the key says so.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{core::ConfigError, replay::AnswerStore};

/// What slow and endless callers are held to.
///
/// None of them has to do with the picture: how long that may take is the policy of the
/// [upstream](super::UpstreamConfig::policy).
///
/// ```
/// use std::time::Duration;
/// use longhaul_gateway::config::ServerLimits;
///
/// let mut limits = ServerLimits::default();
/// assert_eq!((limits.head_bytes, limits.body_bytes), (65_536, 67_108_864));
/// // Callers that send 100 MB of references over slow lines.
/// limits.body_bytes = 128 << 20;
/// limits.body_time = Duration::from_secs(1800);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Bytes of one request's head: its first line and all headers. Default 64 KiB; 8 KiB at least, which hyper needs
    /// for a buffer.
    ///
    /// A longer head is answered with 431.
    pub head_bytes: usize,
    /// How long a request's head may take. Default 2 min.
    ///
    /// A caller that is slower gets no answer: its connection is closed. A connection on which nothing comes at all
    /// counts as one. Zero is refused.
    ///
    /// Over HTTP/1 it is also how long a connection stays open without a request: hyper counts from the end of the
    /// last answer. Whoever keeps connections to the gateway for reuse must give them up sooner: else a request now
    /// and then meets a connection that is just being closed, and fails. The default is longer than what nginx, AWS's
    /// load balancers (60 s), Go and reqwest (90 s) keep; Google's keep 10 min, and need 620 s here.
    #[serde(with = "humantime_serde")]
    pub head_time: Duration,
    /// Bytes of one request's body where it is kept to be sent again. Default 64 MiB.
    ///
    /// A longer one is refused with 413 before anything is sent. It stays in memory until its operation has ended, so
    /// that this times the calls in flight is what a gateway must have. Bodies of calls that are [only passed
    /// on](crate::dialect::is_judged) stream, and may have any length. A policy whose `detect.replay_limit` is
    /// smaller is raised to this. Zero is refused.
    pub body_bytes: u64,
    /// How long a request's body may stand still. Default 30 s.
    ///
    /// A body that is read whole is answered with 408 then, and nothing was sent; one that is passed on breaks off at
    /// the upstream. Zero is refused.
    #[serde(with = "humantime_serde")]
    pub body_silence: Duration,
    /// How long a request's body may take as a whole. Default 10 min.
    ///
    /// It ends those who send a byte just before each silence is over; 408, as there. Bodies that are passed on have
    /// no such end. Zero is refused.
    #[serde(with = "humantime_serde")]
    pub body_time: Duration,
    /// Connections at a time. Default 20,000.
    ///
    /// Those beyond it are not refused: they wait in the system's queue until another ends. Both listeners count
    /// apart. Each call takes two open files, the caller's and the provider's: see
    /// [`open_more_files`](crate::server::open_more_files). Zero is refused.
    pub connections: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_time: Duration::from_secs(120),
            body_bytes: 64 << 20,
            body_silence: Duration::from_secs(30),
            body_time: Duration::from_secs(600),
            connections: 20_000,
        }
    }
}

impl ServerLimits {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.head_bytes < 8 * 1024 {
            return Err(ConfigError::new("head_bytes", "must be at least 8192"));
        }
        nonzero("head_time", self.head_time)?;
        nonzero("body_silence", self.body_silence)?;
        nonzero("body_time", self.body_time)?;
        if self.body_bytes == 0 {
            return Err(ConfigError::new("body_bytes", "must be more than zero"));
        }
        if self.connections == 0 {
            return Err(ConfigError::new("connections", "must be more than zero"));
        }
        Ok(())
    }
}

/// What is kept of operations, so that a caller can come back.
///
/// ```
/// use std::time::Duration;
/// use longhaul_gateway::config::ReplayConfig;
///
/// let mut replay = ReplayConfig::default();
/// // Callers come back within an hour or never, and the disk is small.
/// replay.keep = Duration::from_secs(3600);
/// replay.quota_bytes = 1 << 30;
/// assert!(replay.on && !replay.coalesce);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplayConfig {
    /// Whether keys and answers are remembered at all. Default on.
    ///
    /// Off, an `Idempotency-Key` means nothing, nobody can come back, and `respond-async` is not understood. A call
    /// that was sent still runs to its end when its caller leaves ([`detach`](crate::detach)), and its answer is
    /// thrown away. What callers with a cap spent before a restart is forgotten, unless `state` is PostgreSQL. A
    /// `store` beside `on = false` is refused.
    pub on: bool,
    /// Where answers are spooled, each in a file that nobody else can read. Default `answers` beside the configuration.
    ///
    /// It is made with the mode 0700, each file with 0600. It needs room for `quota_bytes` and for the answers that
    /// are still coming. Where it cannot be written, answers are held in memory until their callers have them, and
    /// cannot be had later; the log says so. Several gateways may have the same folder.
    pub folder: PathBuf,
    /// Where answers are kept when they are whole, for all gateways of a fleet: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`,
    /// `az://CONTAINER/PREFIX` or `file:///FOLDER`. Default in `folder`.
    ///
    /// `"${NAME}"` is read from the environment. A password, a query or a fragment in the URL is refused: what lets
    /// the gateway in comes from the [environment](crate::replay::AnswerStore), by the store's own names. A scheme
    /// that this build has no client for is refused too. While the store does not answer, new answers stay in
    /// `folder`, and kept ones are 503 `answer_unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// How long an answer is kept. Default 24 h.
    ///
    /// Counted from the end of its operation. It is looked at when an operation ends, at most every five minutes, so
    /// that an idle gateway keeps answers for longer. The key stays known afterwards: the same call is refused, and
    /// not paid a second time. Zero is refused.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// Bytes of all answers together; the oldest go first. Default 10 GiB.
    ///
    /// It is looked at after each operation, so that the answer of the moment may go beyond it for as long. A `store`
    /// counts as the folder does, and the answers of all gateways that share `state` count together. Zero is refused:
    /// switch `on` off in place of it.
    pub quota_bytes: u64,
    /// For how long after the end of an operation an SDK's own retry is recognised. Default 10 min.
    ///
    /// An SDK sends no key, but counts its retries in a header; its retry gets the newest call of the same caller,
    /// path and body. Longer than the longest wait between an SDK's retries is enough; with much more, an order that
    /// is repeated on purpose may get the old picture, where its SDK counts it as a retry. Zero leaves only calls
    /// that run and have lost their caller.
    #[serde(with = "humantime_serde")]
    pub sdk_retries_within: Duration,
    /// Where `state` is PostgreSQL: how long a gateway may not have said that it lives before the others take its
    /// operations to be of unknown outcome. It says so six times as often. Default 60 s; 1 s at least.
    /// The machines' clocks must agree to a fraction of it. Shorter, callers of a gateway that died learn sooner that
    /// nobody knows how their calls ended; a gateway that merely stands still for so long loses its operations to
    /// that. Without PostgreSQL it has no effect.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Whether first requests with the same body attach to a running one too. Default off: four equal prompts may mean
    /// four pictures.
    ///
    /// It is for callers that cannot send a key and never mean two pictures by two equal requests. Only an operation
    /// that runs in this process is attached to; once it has ended, the next equal request begins another.
    pub coalesce: bool,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            on: true,
            folder: "answers".into(),
            store: None,
            keep: Duration::from_secs(24 * 3600),
            quota_bytes: 10 << 30,
            sdk_retries_within: Duration::from_secs(600),
            lease: Duration::from_secs(60),
            coalesce: false,
        }
    }
}

impl ReplayConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        nonzero("keep", self.keep)?;
        if self.lease < Duration::from_secs(1) {
            return Err(ConfigError::new("lease", "must be at least 1s"));
        }
        if let Some(store) = &self.store {
            AnswerStore::validate(store)?;
            if !self.on {
                return Err(ConfigError::new(
                    "store",
                    "with `on = false` nothing is kept",
                ));
            }
        }
        if self.quota_bytes == 0 {
            return Err(ConfigError::new("quota_bytes", "must be more than zero"));
        }
        Ok(())
    }
}

/// When a caller's line is kept open.
///
/// Why not from the first second: a byte of the body is a 200, and a refusal that comes later then has no status of its own.
///
/// ```
/// use std::time::Duration;
/// use longhaul_gateway::config::HeartbeatConfig;
///
/// // In front stands a router that cuts after 30 s without a byte.
/// let mut heartbeat = HeartbeatConfig::default();
/// heartbeat.after = Duration::from_secs(20);
/// heartbeat.every = Duration::from_secs(10);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HeartbeatConfig {
    /// Off: the line stays silent until the answer comes. Default on.
    ///
    /// Switch it off where nothing between callers and gateway cuts a silent line: every error then keeps its own
    /// status.
    pub on: bool,
    /// How long the line stays silent first, so that refusals keep their status. Default 45 s.
    ///
    /// 45 s is what most load balancers leave, which cut after 60 s, with a quarter to spare. Shorter, more failures
    /// come with the status 200 and are told in the body; longer than the line in front allows, the heartbeat comes
    /// too late for every call. Zero is refused.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// From one sign of life to the next. Default 15 s.
    ///
    /// Each sign of life is one byte before JSON, and a comment of 13 bytes in an event stream. Zero is refused: it
    /// would be a flood.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            on: true,
            after: Duration::from_secs(45),
            every: Duration::from_secs(15),
        }
    }
}

impl HeartbeatConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        nonzero("after", self.after)?;
        nonzero("every", self.every)
    }
}

/// A duration of zero is a clock that fires before the first byte.
fn nonzero(key: &str, value: Duration) -> Result<(), ConfigError> {
    if value.is_zero() {
        return Err(ConfigError::new(key, "must be more than zero"));
    }
    Ok(())
}
