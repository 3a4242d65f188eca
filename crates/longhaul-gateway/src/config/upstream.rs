use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use http::{HeaderName, HeaderValue, header};
use longhaul_providers::{stream::StreamPolicy, tasks::TasksPolicy};
use serde::{Deserialize, Serialize};

use super::exchange::{self, Exchange};
use crate::{
    core::{ConfigError, Policy},
    forward::Rebase,
    upstream::{DeadlineHeader, usual_deadline_headers},
};

/// Where calls go, which, and by which policy.
///
/// ```toml
/// [[upstreams]]
/// name = "openai"
/// url = "https://api.openai.com"
/// paths = ["/v1/"]
/// models = ["gpt-image-*"]
/// key = { env = "OPENAI_API_KEY" }
/// places = 64
///
///   [[upstreams.policy.billing.prices]]
///   provider = "api.openai.com"
///   model = "gpt-image-*"
///   price = "0.19 USD"
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UpstreamConfig {
    /// What logs, metrics and the page call it.
    pub name: String,
    /// Scheme, host and port, and a path that is put in front of the caller's.
    pub url: String,
    /// Beginnings of paths that go here. Default every path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What is taken off the front of the path: `/gemini` for callers whose base URL ends so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip: String,
    /// Host names that callers use. Default every name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Models that go here: a name, or its beginning and `*`. Default every model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The provider's key. Default the caller's own goes on, which needs an empty list of `keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ProviderKey>,
    /// The header for the key. Default by the path: `x-goog-api-key` for Google's, else `authorization: Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// The provider's name in ledger and price rows. Default the host of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Calls at a time, shared fairly among callers. Default 256.
    #[serde(default = "places")]
    pub places: usize,
    /// Whether a call that was sent runs on when its caller leaves. Default yes.
    #[serde(default = "yes")]
    pub detach: bool,
    /// Whether the line is kept open over a call that was sent. Default yes.
    #[serde(default = "yes")]
    pub heartbeat: bool,
    /// Headers by which a caller says how long it waits: the shortest of them and of the other deadlines counts, and they are
    /// not sent on. Default `prefer`, `x-request-deadline` and `grpc-timeout`; `[]` for none.
    #[serde(default = "usual_deadline_headers")]
    pub deadline_headers: Vec<DeadlineHeader>,
    /// How a call reaches the provider. Default as the one request that it is.
    #[serde(default)]
    pub exchange: Exchange,
    /// For `exchange = "tasks"`: which hosts take tasks in which dialect, and how they are polled. Default OpenAI's
    /// Responses, fal and Replicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TasksPolicy>,
    /// For `exchange = "stream"`: which hosts are asked for streams. Default OpenAI's Responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamPolicy>,
    /// What a caller gets while nothing that may be charged is in flight.
    #[serde(default)]
    pub patience: Patience,
    /// A policy file for the layers, in place of `policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_file: Option<PathBuf>,
    /// The policy of the layers: limits, retries, prices, targets to fall back to.
    #[serde(default)]
    pub policy: Policy,
}

pub(crate) const fn places() -> usize {
    256
}

const fn yes() -> bool {
    true
}

/// What a caller gets while nothing that may be charged is in flight: `patience = "deadline"`. The line carries no sign of
/// life then, so that a caller behind a load balancer which cuts after a minute is better off with the refusal.
///
/// ```
/// use longhaul_gateway::config::{Patience, UpstreamConfig};
///
/// let mut upstream = UpstreamConfig::new("relay", "https://relay.example.com");
/// assert_eq!(upstream.patience, Patience::Refusal);
/// // Its callers stand on the same machine, and no load balancer between.
/// upstream.patience = Patience::Deadline;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Patience {
    /// At the first heartbeat's time the last refusal, with its own status and `Retry-After`.
    #[default]
    Refusal,
    /// Nothing, until the operation's deadline.
    Deadline,
}

/// Where a provider's key comes from: `key = { env = "OPENAI_API_KEY" }`, `key = { file = "openai.key" }` or `key = "none"`.
/// Never the key itself: configurations are shown, copied and checked in.
///
/// ```
/// use longhaul_gateway::config::ProviderKey;
///
/// assert!(ProviderKey::None.read()?.is_none());
/// let unset = ProviderKey::Env("A_VARIABLE_THAT_NOBODY_SETS".to_owned());
/// assert!(unset.read().is_err(), "found when the gateway starts, and not at the first call");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderKey {
    /// An environment variable.
    Env(String),
    /// A file, whose white space at both ends is ignored.
    File(PathBuf),
    /// It needs none.
    None,
}

impl ProviderKey {
    /// The key; `None` where the provider needs none.
    ///
    /// # Errors
    ///
    /// A variable that is not set, a file that cannot be read, and a key that is empty or cannot stand in a header.
    pub fn read(&self) -> Result<Option<Secret>, ConfigError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Env(name) => env::var(name).map_err(|_| {
                ConfigError::new(
                    "key.env",
                    format!("the environment variable {name} is not set"),
                )
            })?,
            Self::File(path) => fs::read_to_string(path).map_err(|error| {
                ConfigError::new(
                    "key.file",
                    format!("{} cannot be read: {error}", path.display()),
                )
            })?,
        };
        let text = text.trim();
        if text.is_empty() || HeaderValue::try_from(text).is_err() {
            return Err(ConfigError::new(
                "key",
                "it is empty, or cannot stand in a header",
            ));
        }
        Ok(Some(Secret(text.to_owned())))
    }
}

/// A key that does not show itself.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The header that carries it: `Bearer` before it in `authorization`, bare in any other.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<HeaderValue> {
        let text = match *name == header::AUTHORIZATION {
            true => format!("Bearer {}", self.0),
            false => self.0.clone(),
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl UpstreamConfig {
    /// Everything goes to `url`, with the caller's own key and the default policy.
    ///
    /// ```
    /// use longhaul_gateway::config::{ProviderKey, UpstreamConfig};
    ///
    /// let mut upstream = UpstreamConfig::new("gemini", "https://generativelanguage.googleapis.com");
    /// upstream.key = Some(ProviderKey::Env("GEMINI_API_KEY".to_owned()));
    /// upstream.paths = vec!["/v1beta/".to_owned()];
    /// assert!(upstream.detach && upstream.heartbeat, "by default");
    /// ```
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            paths: Vec::new(),
            strip: String::new(),
            hosts: Vec::new(),
            models: Vec::new(),
            key: None,
            key_header: None,
            provider: None,
            places: places(),
            detach: true,
            heartbeat: true,
            deadline_headers: usual_deadline_headers(),
            exchange: Exchange::default(),
            tasks: None,
            stream: None,
            patience: Patience::default(),
            policy_file: None,
            policy: Policy::default(),
        }
    }

    pub(super) fn validate(&self, with_keys: bool) -> Result<(), ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "must not be empty"));
        }
        Rebase::new(&self.url, &self.strip)
            .map_err(|error| ConfigError::new("url", error.to_string()))?;
        for (key, paths) in [
            ("paths", &self.paths[..]),
            ("strip", std::slice::from_ref(&self.strip)),
        ] {
            if paths
                .iter()
                .any(|path| !path.is_empty() && !path.starts_with('/'))
            {
                return Err(ConfigError::new(key, "a path begins with `/`"));
            }
        }
        if self.places == 0 {
            return Err(ConfigError::new("places", "must be at least 1"));
        }
        if self.key.is_none() && with_keys {
            return Err(ConfigError::new(
                "key",
                "callers have keys of the gateway's, which go to no provider: write `key = { env = \"NAME\" }`, \
                 `key = { file = \"PATH\" }`, or `key = \"none\"`",
            ));
        }
        if let Some(name) = &self.key_header
            && HeaderName::try_from(name).is_err()
        {
            return Err(ConfigError::new(
                "key_header",
                format!("{name:?} is no header's name"),
            ));
        }
        exchange::validate(self)?;
        self.policy
            .validate()
            .map_err(|error| error.under("policy"))
    }

    pub(super) fn resolve(&mut self, folder: &Path) -> Result<(), ConfigError> {
        if let Some(ProviderKey::File(path)) = &mut self.key {
            *path = folder.join(&*path);
        }
        let Some(path) = self.policy_file.take() else {
            return Ok(());
        };
        let at = |why: String| ConfigError::new("policy_file", why);
        if self.policy != Policy::default() {
            return Err(at("there is a `policy` too: write one of them".to_owned()));
        }
        let path = folder.join(path);
        let text = fs::read_to_string(&path)
            .map_err(|error| at(format!("{} cannot be read: {error}", path.display())))?;
        self.policy = Policy::from_toml(&text).map_err(|error| error.under("policy_file"))?;
        Ok(())
    }
}
