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
//!
//! A value that cannot work is refused before anything is opened, by the path of its key; nothing is rounded, clipped
//! or replaced by a default in silence:
//!
//! ```
//! use longhaul_gateway::config::Config;
//!
//! let upstream = "[[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\n";
//! let refused = |text: &str| Config::from_toml(&format!("{text}\n{upstream}")).unwrap_err().to_string();
//! assert!(refused("[limits]\nhead_time = '0s'").contains("`limits.head_time`"));
//! assert!(refused("[replay]\nlease = '10ms'").contains("`replay.lease`"));
//! assert!(refused("[heartbeat]\nevry = '15s'").contains("evry"), "a misspelt key is named, not ignored");
//! ```
//!
//! When a change of the file takes effect while the gateway runs
//! ([`Gateway::follow`](crate::gateway::Gateway::follow)):
//!
//! | keys | |
//! |---|---|
//! | `keys`, `upstreams`, `limits.body_bytes`, `limits.body_silence`, `limits.body_time` | for calls that come from then on |
//! | `listen`, `admin`, `ledger`, `state`, `drain`, `replay`, `collected`, `heartbeat` | at the next start; the log says so |
//! | `limits.head_bytes`, `limits.head_time`, `limits.connections` | at the next start: the listener has them |

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
///
/// A program that embeds the gateway builds the value itself, and checks it as a file is checked:
///
/// ```
/// use longhaul_gateway::config::{Config, UpstreamConfig};
///
/// let mut config = Config::default();
/// config.upstreams.push(UpstreamConfig::new("openai", "https://api.openai.com"));
/// // Nothing outlives the process: for tests.
/// (config.ledger, config.state) = ("memory".to_owned(), "memory".to_owned());
/// config.validate()?;
/// assert_eq!(config.drain.as_secs(), 600);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where callers connect. Default `127.0.0.1:8787`. Without `keys` only a loopback address is accepted.
    ///
    /// An address and a port, not a host's name; with port 0 the system chooses one, and the log says which. An
    /// address that is taken, or that this machine does not have, ends the program at its start with the key's name.
    pub listen: SocketAddr,
    /// Where metrics, health and the page are. Default `127.0.0.1:8788`. Nobody is asked for a key there.
    /// Any address is accepted, so that the operator's network decides who reads them: models, callers' names and
    /// costs are on the page.
    pub admin: SocketAddr,
    /// The ledger: a file of SQLite's, a `postgres://` URL, or `"memory"`. Default `ledger.db` beside the
    /// configuration.
    ///
    /// A file belongs to one process; PostgreSQL may be a fleet's. In memory it ends with the process: there are no
    /// claims then, no money by day, and no task is collected after a crash. What cannot be opened ends the program
    /// at its start; a ledger that is gone later refuses calls with 503 `ledger_unavailable`, since an attempt that
    /// is written down nowhere is not sent.
    pub ledger: String,
    /// Operations and what callers have spent: a file of SQLite's, a `postgres://` URL, or `"memory"`. Default
    /// `gateway.db` beside the configuration.
    ///
    /// The path of a file must have no `?`, `#` or `%` in it. Beside it stands `….lock`, by which a second process
    /// with the same file is refused: see [`StateLock`](crate::replay::StateLock). In memory, a caller that comes
    /// back after a restart is a new one and pays again, and a cap begins at zero. A database that is gone later
    /// refuses calls with 503 `state_unavailable`; nothing is sent.
    pub state: String,
    /// After SIGTERM, how long calls in flight may take to finish. Default 10 min.
    ///
    /// Calls whose callers have left count too. What still runs then is ended and written down, as of unknown outcome
    /// where it may have been charged; a supervisor must allow another minute for that on top of this. Zero is
    /// refused: it would end every paid call at every deployment.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// What slow and endless callers are held to.
    ///
    /// They bound what a stranger who reaches the port can hold: connections, memory, time.
    pub limits: ServerLimits,
    /// What is kept, and for how long.
    ///
    /// Read by [`IdempotentReplay`](crate::replay), whose policy it becomes.
    pub replay: ReplayConfig,
    /// Where pictures go that an earlier process paid for and did not collect. Default `collected` beside the
    /// configuration; it is made when there is one.
    ///
    /// Only upstreams with `exchange = "tasks"` leave something to collect, and only where `ledger` is not in memory.
    /// A folder that cannot be written leaves the task open, and it is tried again every 15 s: see
    /// [`collect`](crate::collect).
    pub collected: PathBuf,
    /// When a line is kept open.
    ///
    /// For all upstreams alike; [`UpstreamConfig::heartbeat`] switches it off for one.
    pub heartbeat: HeartbeatConfig,
    /// Who may call. Empty: whoever reaches the loopback address, with keys of the provider's own.
    ///
    /// No two of them have the same name or the same hash. With keys, every upstream needs a `key` of its own,
    /// `"none"` among them: a key of the gateway's means nothing to a provider.
    pub keys: Vec<KeyConfig>,
    /// Where calls go: the first that fits.
    ///
    /// The order counts: the narrow ones stand before those that take every path. No two have the same name. None at
    /// all is refused; a call that fits none is answered with 404 `no_upstream`.
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
    /// Defaults are relative to that folder too, wherever the program was started:
    ///
    /// ```
    /// use longhaul_gateway::config::Config;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("gateway.toml");
    /// std::fs::write(&file, "[[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\n")?;
    /// assert_eq!(Config::load(&file)?.replay.folder, folder.path().join("answers"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Variables of the environment and policy files are read here as well. Keys of providers are not: the
    /// [upstream](crate::upstream::Upstream::new) reads its own, so that `--check` works where the keys are not.
    ///
    /// # Errors
    ///
    /// About the file where it cannot be read; about `ledger`, `state` or `replay.store` where its variable is not
    /// set; about a `policy_file` that cannot be read or is none; and those of [`from_toml`](Self::from_toml).
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

    /// Reads a configuration; paths in it stay as they are, `"${NAME}"` is not looked up, and a `policy_file` is not
    /// opened. What has these goes through [`load`](Self::load).
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
    ///
    /// [`load`](Self::load) and [`from_toml`](Self::from_toml) have done it; it is for a value that a program has
    /// built or changed. No file, variable or socket is touched.
    ///
    /// ```
    /// use longhaul_gateway::config::{Config, UpstreamConfig};
    ///
    /// let mut config = Config::default();
    /// assert!(config.validate().is_err(), "there is no upstream");
    /// config.upstreams.push(UpstreamConfig::new("openai", "api.openai.com"));
    /// assert!(config.validate().unwrap_err().to_string().contains("`upstreams[0].url`"), "it has no scheme");
    /// ```
    ///
    /// # Errors
    ///
    /// The first key that cannot work, with its path and what to write in its place.
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

    /// Makes paths absolute to the file's folder and takes in what stands elsewhere. Before `validate`, so that what
    /// the environment and policy files say is checked like what the file says itself.
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

/// The error of the TOML reader has the line, the column and the keys that would have been right; it stands below the
/// words here, on lines of its own.
fn parse(text: &str) -> Result<Config, ConfigError> {
    toml::from_str(text).map_err(|error| {
        ConfigError::new("configuration", format!("not a gateway's file:\n{error}"))
    })
}

/// What stands there, or in the environment variable that is named there as `${NAME}`.
///
/// Only as the whole value: `"postgres://${USER}@db"` stays as it is, since half a URL from the environment would
/// have to be escaped.
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
///
/// The result is text and no path, because the database's client takes a URL.
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
///
/// `--check` is what people paste when they ask for help. Parameters go too: PostgreSQL reads `?password=` there.
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
