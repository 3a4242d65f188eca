//! One upstream in the configuration: which calls go to it, with which key, in how many places, by which policy.
//!
//! The keys of an upstream say what the gateway does; `policy` beneath them says what the layers do. Nothing is said
//! twice: where both would have a word for the same, as for places and bodies,
//! [`Upstream::new`](crate::upstream::Upstream::new) makes the policy follow.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use http::{HeaderName, HeaderValue, header, uri::Authority};
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
///
/// Which calls go to it is the conjunction of `paths`, `hosts` and `models`; of several upstreams that fit, the first
/// in the file is called. A second one for the same provider is right where its calls need other prices, places or
/// limits:
///
/// ```
/// use longhaul_gateway::config::UpstreamConfig;
///
/// let mut drafts = UpstreamConfig::new("drafts", "https://api.openai.com");
/// drafts.models = vec!["gpt-image-1-mini*".to_owned()];
/// drafts.places = 8;
/// let pictures = UpstreamConfig::new("pictures", "https://api.openai.com");
/// // In this order: the second takes whatever the first leaves.
/// let upstreams = [drafts, pictures];
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UpstreamConfig {
    /// What logs, metrics and the page call it.
    ///
    /// No two upstreams have the same; an empty one is refused. It is a label of metrics and of the log, so that it
    /// should hardly change.
    pub name: String,
    /// Scheme, host and port, and a path that is put in front of the caller's.
    ///
    /// `http` or `https`. A user, a query, a fragment or another scheme is refused. Over plain `http` the policy's
    /// `http1.scope` decides whether a key may go. Whatever a caller writes as host or path leads nowhere else: see
    /// [`forward`](crate::forward).
    pub url: String,
    /// Beginnings of paths that go here. Default every path.
    ///
    /// Each begins with `/`, else it is refused. Whole segments count: `/v1` and `/v1/` take `/v1/images`, and not
    /// `/v10`. It is the caller's path that is looked at, before `strip` takes something off it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What is taken off the front of the path: `/gemini` for callers whose base URL ends so.
    ///
    /// Whole segments only. It begins with `/`, else it is refused; a path that does not begin with it goes on as it
    /// is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip: String,
    /// Host names that callers use. Default every name.
    ///
    /// Without a port, in capitals or not: the host of the `Host` header is compared, and its port is left out. A
    /// name with a port, which would fit no call, is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Models that go here: a name, or its beginning and `*`. Default every model.
    ///
    /// Capitals count. A `*` elsewhere than at the end, which would fit no call, is refused. A request whose model is not known
    /// fits no upstream that has this list; nor does one that is [only passed on](crate::dialect::is_judged), whose
    /// body is not read for its model: `GET /v1/models` goes to the next upstream without a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The provider's key. Default the caller's own goes on, which needs an empty list of `keys`.
    ///
    /// With it, whatever key a caller sends is taken out of headers and query. It is read when the gateway starts and
    /// when the file changes; one that is not there is refused then, and not at the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ProviderKey>,
    /// The header for the key. Default by the path: `x-goog-api-key` for Google's, else `authorization: Bearer …`.
    ///
    /// In `authorization` the key stands behind `Bearer`, in any other header alone. What is no header's name is
    /// refused. Without a `key` it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// The provider's name in ledger and price rows. Default the host of `url`.
    ///
    /// The host goes in small letters and without its port. Name it where calls reach a provider by way of a relay
    /// and its price rows should hold: a call whose name no row has is of unknown cost, and refused under a cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Calls at a time, shared fairly among callers. Default 256.
    ///
    /// A call takes one before its first attempt, and gives it back with the answer's last byte; the others [wait
    /// their turn](crate::turns). The policy's `in_flight.max_per_host` becomes the same number, whatever it says. 0
    /// is refused.
    #[serde(default = "places")]
    pub places: usize,
    /// Whether a call that was sent runs on when its caller leaves. Default yes.
    ///
    /// `false` ends a call that is paid for when its caller hangs up, unless it came with an idempotency key or
    /// `respond-async`: then somebody comes back for it.
    #[serde(default = "yes")]
    pub detach: bool,
    /// Whether the line is kept open over a call that was sent. Default yes.
    ///
    /// `false` leaves callers of this upstream in silence until the answer comes, and lets each error keep its
    /// status.
    #[serde(default = "yes")]
    pub heartbeat: bool,
    /// Headers by which a caller says how long it waits: the shortest of them and of the other deadlines counts, and they are
    /// not sent on. Default `prefer`, `x-request-deadline` and `grpc-timeout`; `[]` for none.
    ///
    /// A name that is no header's is refused, and so is a form that is not known. A value that cannot be read gives
    /// no deadline; it is taken out all the same.
    #[serde(default = "usual_deadline_headers")]
    pub deadline_headers: Vec<DeadlineHeader>,
    /// How a call reaches the provider. Default as the one request that it is.
    ///
    /// A host of which the chosen exchange knows nothing is refused.
    #[serde(default)]
    pub exchange: Exchange,
    /// For `exchange = "tasks"`: which hosts take tasks in which dialect, and how they are polled. Default OpenAI's
    /// Responses, fal and Replicate.
    ///
    /// Beside another `exchange` it is refused, since nothing would read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TasksPolicy>,
    /// For `exchange = "stream"`: which hosts are asked for streams. Default OpenAI's Responses.
    ///
    /// Beside another `exchange` it is refused, as `tasks` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamPolicy>,
    /// What a caller gets while nothing that may be charged is in flight.
    ///
    /// It counts only where the heartbeat is on, which is what would hand the refusal over.
    #[serde(default)]
    pub patience: Patience,
    /// A policy file for the layers, in place of `policy`.
    ///
    /// A path beside the configuration. It is read by [`Config::load`](super::Config::load) alone, and its contents
    /// become `policy`: `--check` prints them there. Both at once are refused. A change in it is taken over as one in
    /// the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_file: Option<PathBuf>,
    /// The policy of the layers: limits, retries, prices, targets to fall back to.
    ///
    /// Default [`Policy::default`]. Every key of it is checked with the configuration, and an unknown one is refused.
    /// `detect.replay_limit` and `detect.client_replay_limit` are raised to `limits.body_bytes`: what the gateway has
    /// read, its layers must be able to send again.
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
///
/// It is read from the request's extensions by [`Heartbeat`](crate::heartbeat), which works without it as by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Patience {
    /// At the first heartbeat's time the last refusal, with its own status and `Retry-After`.
    ///
    /// The caller decides when to ask again, and is told after how long. Nothing more is begun for it.
    #[default]
    Refusal,
    /// Nothing, until the operation's deadline.
    ///
    /// Refusals that cost nothing are waited out, and the next attempt is made; as soon as one is sent that may be
    /// charged, the line is kept open.
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
///
/// A file may end in a line break, as editors leave it:
///
/// ```
/// use longhaul_gateway::config::ProviderKey;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("openai.key");
/// std::fs::write(&file, "sk-one\n")?;
/// let secret = ProviderKey::File(file).read()?;
/// assert_eq!(format!("{secret:?}"), "Some(Secret(…))", "it does not show itself");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProviderKey {
    /// An environment variable.
    ///
    /// By its name. It is the environment of the process: a new value needs a restart.
    Env(String),
    /// A file, whose white space at both ends is ignored.
    ///
    /// By its path, relative to the configuration's folder. It is looked at every two seconds with the configuration,
    /// so that a key can be replaced while the gateway runs.
    File(PathBuf),
    /// It needs none.
    ///
    /// Callers' keys are taken out of the request all the same: they are the gateway's, and nobody else's to see.
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
        // An editor's byte order mark is no part of a key.
        let text = text.trim_start_matches('\u{feff}').trim();
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
///
/// `Debug` prints `Secret(…)`, and the header that is made of it is marked as sensitive, so that no log of a client
/// library prints it either. [`ProviderKey::read`] makes it.
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

    /// Without touching files or the environment: what `key` names is read by the upstream itself. `with_keys` says
    /// whether callers have keys of the gateway's, which must not go on to a provider as if they were its own.
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
        let is_host = |name: &String| {
            let authority = name.parse::<Authority>();
            authority.is_ok_and(|authority| authority.host() == name)
        };
        if let Some(name) = self.hosts.iter().find(|name| !is_host(name)) {
            let why = format!("{name:?} fits no call: write a name alone, as `api.example.com`");
            return Err(ConfigError::new("hosts", why));
        }
        let is_beginning = |name: &String| !name.strip_suffix('*').unwrap_or(name).contains('*');
        if let Some(name) = self
            .models
            .iter()
            .find(|name| name.is_empty() || !is_beginning(name))
        {
            let why = format!("{name:?} fits no call: write a name, or its beginning and `*`");
            return Err(ConfigError::new("models", why));
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

    /// Takes a policy file in, and makes the key file's path absolute. A policy that stands in the configuration as
    /// well is recognised by its being other than the default.
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
