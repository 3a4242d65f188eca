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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Exchange {
    /// As the one request that it is.
    #[default]
    Unary,
    /// As a task that is submitted and polled, where the provider takes the call as one: no connection is silent for
    /// minutes. See [`longhaul_providers::tasks`].
    Tasks,
    /// As a stream that the provider keeps alive. See [`longhaul_providers::stream`].
    Stream,
}

/// Refuses an exchange that would change nothing, and a policy for one that is not chosen.
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
pub(crate) fn authority(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map_or_else(String::new, ToString::to_string)
}
