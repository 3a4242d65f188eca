//! How a call reaches the provider.

use http::Uri;
use serde::{Deserialize, Serialize};

use super::UpstreamConfig;
use crate::core::ConfigError;

/// How a call reaches the provider: `exchange = "tasks"`. The caller makes the same call and gets the same answer whichever it is.
///
/// ```
/// use longhaul_gateway::config::{Exchange, UpstreamConfig};
///
/// let mut upstream = UpstreamConfig::new("openai", "https://api.openai.com");
/// assert_eq!(upstream.exchange, Exchange::Unary, "where nothing is said");
/// upstream.exchange = Exchange::Stream;
/// ```
///
/// In a file, with what it is for:
///
/// ```
/// use longhaul_gateway::config::{Config, Exchange};
///
/// let text = "[[upstreams]]\nname = 'openai'\nurl = 'https://api.openai.com'\nexchange = 'tasks'\n";
/// assert_eq!(Config::from_toml(text)?.upstreams[0].exchange, Exchange::Tasks);
/// // Of a host that no policy knows, it is not known how it takes tasks.
/// let unknown = Config::from_toml(&text.replace("api.openai.com", "relay.example.com")).unwrap_err();
/// assert!(unknown.to_string().contains("name it under `tasks.hosts`"));
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// It is opt-in, since each way has another price: a task is polled for as long as it takes and can be collected
/// after a crash, a stream must be put together again, a unary call depends on every intermediary to bear its
/// silence. Calls that the provider takes only as unary go out as such, whatever is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Exchange {
    /// As the one request that it is.
    ///
    /// Right for providers with no other form, and where the way to them cuts nothing.
    #[default]
    Unary,
    /// As a task that is submitted and polled, where the provider takes the call as one: no connection is silent for
    /// minutes. See [`longhaul_providers::tasks`].
    ///
    /// The handle of each is in the ledger before the first poll, so that a gateway that dies loses no picture: what
    /// it left is [collected](crate::collect) when one starts again, which needs a `key` of the upstream's own and a
    /// ledger that is not in memory.
    Tasks,
    /// As a stream that the provider keeps alive. See [`longhaul_providers::stream`].
    ///
    /// What the provider sends while it works keeps the connection from being silent. Nothing of it outlives a crash,
    /// as a task does.
    Stream,
}

/// Refuses an exchange that would change nothing, and a policy for one that is not chosen.
///
/// Both would work, silently as something else: the exchange would send every call as the one request that it is, and
/// the policy would never be read. A person who wrote them expects more.
pub(super) fn validate(config: &UpstreamConfig) -> Result<(), ConfigError> {
    for (key, exchange, there) in [
        ("tasks", Exchange::Tasks, config.tasks.is_some()),
        ("stream", Exchange::Stream, config.stream.is_some()),
    ] {
        if there && config.exchange != exchange {
            let why = format!("it is for `exchange = {key:?}`: write that too, or leave this out");
            return Err(ConfigError::new(key, why));
        }
    }
    let tasks = config.tasks.clone().unwrap_or_default();
    let stream = config.stream.clone().unwrap_or_default();
    let (key, hosts): (_, Vec<&String>) = match config.exchange {
        Exchange::Unary => return Ok(()),
        Exchange::Tasks => {
            tasks.validate().map_err(|error| error.under("tasks"))?;
            ("tasks", tasks.hosts.keys().collect())
        }
        Exchange::Stream => {
            stream.validate().map_err(|error| error.under("stream"))?;
            ("stream", stream.hosts.keys().collect())
        }
    };
    let host = authority(&config.url);
    if hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
        return Ok(());
    }
    let why = format!(
        "nothing is known of {host} there: name it under `{key}.hosts`, or leave `exchange` out"
    );
    Err(ConfigError::new("exchange", why))
}

/// Host and port of a URL as policies name them.
///
/// Empty for what is no URL: `Rebase::new` refuses that with better words.
pub(crate) fn authority(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map_or_else(String::new, ToString::to_string)
}
