//! The configuration file: where to listen, who may call, where calls go, what is kept.
//!
//! TOML. Durations are written like `"45s"`, unknown keys are refused at every depth, and `"${NAME}"` in place of a
//! database URL is read from the environment. `longhaul-gateway --check gateway.toml` prints what is in force.
//!
//! ```
//! use longhaul_gateway::config::Config;
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let config = Config::from_toml(r#"
//!     [[upstreams]]
//!     name = "openai"
//!     url = "https://api.openai.com"
//!     paths = ["/v1/"]
//! "#)?;
//! assert!(config.listen.ip().is_loopback());
//! # Ok(()) }
//! ```

mod exchange;
mod keys;
mod limits;
mod upstream;

#[cfg(test)]
mod tests;

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub(crate) use self::exchange::authority;
pub use self::{
    exchange::Exchange,
    keys::{Cap, KeyConfig, KeyHash, Per},
    limits::{HeartbeatConfig, ReplayConfig, ServerLimits},
    upstream::{Patience, ProviderKey, Secret, UpstreamConfig},
};
use crate::core::ConfigError;

/// Everything that the program reads from its file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where callers connect. Default `127.0.0.1:8787`. Without `keys` only a loopback address is accepted.
    pub listen: SocketAddr,
    /// Where metrics, health and the page are. Default `127.0.0.1:8788`. Nobody is asked for a key there.
    pub admin: SocketAddr,
    /// The ledger: a file of SQLite's, a `postgres://` URL, or `"memory"`. Default `ledger.db` beside the configuration.
    pub ledger: String,
    /// Operations and what callers have spent: a file of SQLite's, a `postgres://` URL, or `"memory"`. Default
    /// `gateway.db` beside the configuration.
    pub state: String,
    /// After SIGTERM, how long calls in flight may take to finish. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// What slow and endless callers are held to.
    pub limits: ServerLimits,
    /// What is kept, and for how long.
    pub replay: ReplayConfig,
    /// Where pictures go that an earlier process paid for and did not collect. Default `collected` beside the
    /// configuration; it is made when there is one.
    pub collected: PathBuf,
    /// When a line is kept open.
    pub heartbeat: HeartbeatConfig,
    /// Who may call. Empty: whoever reaches the loopback address, with keys of the provider's own.
    pub keys: Vec<KeyConfig>,
    /// Where calls go: the first that fits.
    pub upstreams: Vec<UpstreamConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            listen: loopback(8787),
            admin: loopback(8788),
            ledger: "ledger.db".to_owned(),
            state: "gateway.db".to_owned(),
            drain: Duration::from_secs(600),
            limits: ServerLimits::default(),
            replay: ReplayConfig::default(),
            collected: "collected".into(),
            heartbeat: HeartbeatConfig::default(),
            keys: Vec::new(),
            upstreams: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// About the file where it cannot be read, and those of [`from_toml`](Self::from_toml).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let at = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError::new(at.clone(), format!("cannot be read: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut config: Self = parse(&text)?;
        config.resolve(folder)?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a configuration; paths in it stay as they are.
    ///
    /// ```
    /// use longhaul_gateway::config::Config;
    ///
    /// let config = Config::from_toml("[[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\n")?;
    /// assert_eq!(config.upstreams[0].places, 256);
    /// // Without keys nobody but this machine is let in.
    /// let open = Config::from_toml("listen = '0.0.0.0:8787'\n[[upstreams]]\nname = 'a'\nurl = 'https://a.example'\n");
    /// assert!(open.is_err());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What is no TOML, a key that is unknown, and those of [`validate`](Self::validate).
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(text)?;
        config.validate()?;
        Ok(config)
    }

    /// What is in force, as a file that [`from_toml`](Self::from_toml) reads back. Passwords in URLs are left out.
    ///
    /// ```
    /// use longhaul_gateway::config::Config;
    ///
    /// let mut config = Config::from_toml("[[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\n")?;
    /// config.ledger = "postgres://ledger:hunter2@db.example.com/spend".to_owned();
    /// assert!(!config.to_toml()?.contains("hunter2"));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A number that TOML has none for.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let mut shown = self.clone();
        shown.ledger = without_password(&self.ledger);
        shown.state = without_password(&self.state);
        toml::to_string_pretty(&shown).map_err(|error| {
            ConfigError::new("configuration", format!("cannot be written: {error}"))
        })
    }

    /// Refuses what cannot work, naming the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let loopback = self.listen.ip().to_canonical().is_loopback();
        if self.keys.is_empty() && !loopback {
            return Err(ConfigError::new(
                "listen",
                format!(
                    "{} can be reached by others: add `[[keys]]` (`longhaul-gateway key new NAME` makes one), or listen \
                     on 127.0.0.1",
                    self.listen
                ),
            ));
        }
        if self.drain.is_zero() {
            return Err(ConfigError::new("drain", "must be more than zero"));
        }
        self.limits
            .validate()
            .map_err(|error| error.under("limits"))?;
        self.replay
            .validate()
            .map_err(|error| error.under("replay"))?;
        self.heartbeat
            .validate()
            .map_err(|error| error.under("heartbeat"))?;
        for (index, key) in self.keys.iter().enumerate() {
            let at = format!("keys[{index}]");
            key.validate().map_err(|error| error.under(&at))?;
            let earlier = &self.keys[..index];
            if earlier.iter().any(|other| other.name == key.name) {
                return Err(ConfigError::new("name", "is there twice").under(&at));
            }
            if earlier.iter().any(|other| other.sha256 == key.sha256) {
                return Err(ConfigError::new("sha256", "is there twice").under(&at));
            }
        }
        if self.upstreams.is_empty() {
            return Err(ConfigError::new(
                "upstreams",
                "there is none: add `[[upstreams]]` with a `name` and a `url`",
            ));
        }
        for (index, upstream) in self.upstreams.iter().enumerate() {
            let at = format!("upstreams[{index}]");
            upstream
                .validate(!self.keys.is_empty())
                .map_err(|error| error.under(&at))?;
            if self.upstreams[..index]
                .iter()
                .any(|other| other.name == upstream.name)
            {
                return Err(ConfigError::new("name", "is there twice").under(&at));
            }
        }
        Ok(())
    }

    fn resolve(&mut self, folder: &Path) -> Result<(), ConfigError> {
        self.ledger = place("ledger", &self.ledger, folder)?;
        self.state = place("state", &self.state, folder)?;
        self.replay.folder = folder.join(&self.replay.folder);
        if let Some(store) = &mut self.replay.store {
            *store = from_environment("replay.store", store)?;
        }
        self.collected = folder.join(&self.collected);
        for (index, upstream) in self.upstreams.iter_mut().enumerate() {
            upstream
                .resolve(folder)
                .map_err(|error| error.under(&format!("upstreams[{index}]")))?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    toml::from_str(text).map_err(|error| {
        ConfigError::new("configuration", format!("not a gateway's file:\n{error}"))
    })
}

/// What stands there, or in the environment variable that is named there as `${NAME}`.
fn from_environment(key: &str, text: &str) -> Result<String, ConfigError> {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    match name {
        None => Ok(text.to_owned()),
        Some(name) => env::var(name).map_err(|_| {
            ConfigError::new(key, format!("the environment variable {name} is not set"))
        }),
    }
}

/// A path beside the file, a URL, `memory`, or the environment variable that has one of these.
fn place(key: &str, text: &str, folder: &Path) -> Result<String, ConfigError> {
    let text = from_environment(key, text)?;
    if text == "memory" || text.contains("://") {
        return Ok(text);
    }
    let path: PathBuf = folder.join(&text);
    path.into_os_string()
        .into_string()
        .map_err(|_| ConfigError::new(key, "the path is not valid UTF-8"))
}

/// `postgres://user:password@host/db` without what stands before the `@`, and without parameters.
fn without_password(place: &str) -> String {
    match place.split_once("://") {
        None => place.to_owned(),
        Some((scheme, rest)) => {
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            let rest = rest.split('?').next().unwrap_or_default();
            format!("{scheme}://{rest}")
        }
    }
}
