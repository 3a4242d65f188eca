use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{core::ConfigError, replay::AnswerStore};

/// What slow and endless callers are held to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Bytes of one request's head. Default 64 KiB; 8 KiB at least.
    pub head_bytes: usize,
    /// How long a request's head may take. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub head_time: Duration,
    /// Bytes of one request's body where it is kept to be sent again. Default 64 MiB.
    pub body_bytes: u64,
    /// How long a request's body may stand still. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub body_silence: Duration,
    /// How long a request's body may take as a whole. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub body_time: Duration,
    /// Connections at a time. Default 20,000.
    pub connections: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_time: Duration::from_secs(15),
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplayConfig {
    /// Off: calls end with their callers' lines, and no key is remembered. Default on.
    pub on: bool,
    /// Where answers are spooled, each in a file that nobody else can read. Default `answers` beside the configuration.
    pub folder: PathBuf,
    /// Where answers are kept when they are whole, for all gateways of a fleet: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`,
    /// `az://CONTAINER/PREFIX` or `file:///FOLDER`. Default in `folder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// How long an answer is kept. Default 24 h.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// Bytes of all answers together; the oldest go first. Default 10 GiB.
    pub quota_bytes: u64,
    /// For how long after the end of an operation an SDK's own retry is recognised. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub sdk_retries_within: Duration,
    /// Where `state` is PostgreSQL: how long a gateway may not have said that it lives before the others take its
    /// operations to be of unknown outcome. It says so six times as often. Default 60 s; 1 s at least.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Whether first requests with the same body attach to a running one too. Default off: four equal prompts may mean
    /// four pictures.
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HeartbeatConfig {
    /// Off: the line stays silent until the answer comes. Default on.
    pub on: bool,
    /// How long the line stays silent first, so that refusals keep their status. Default 45 s.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// From one sign of life to the next. Default 15 s.
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

fn nonzero(key: &str, value: Duration) -> Result<(), ConfigError> {
    if value.is_zero() {
        return Err(ConfigError::new(key, "must be more than zero"));
    }
    Ok(())
}
