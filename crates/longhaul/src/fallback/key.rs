//! Keys: where a target's comes from, and that the caller's goes to nobody else.

use std::{env, fmt};

use http::{HeaderName, HeaderValue, header};

use super::target::{Dialect, Target};
use crate::config::ConfigError;

/// Where a target's key comes from.
///
/// Unless it is [`Same`](Self::Same), nothing of the caller's request headers is sent to the target but a
/// short list that cannot hold a key, and of the query nothing but `alt`.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeySource {
    /// It needs none.
    #[default]
    None,
    /// The caller's own key is good there too: another door of the same house. Only for requests to these
    /// hosts, and to the host of the target itself.
    Same(Vec<String>),
    /// An environment variable, read when the layer is built.
    Env(String),
    /// This one. Only in code: it is neither read from files nor written to them.
    #[serde(skip)]
    Secret(Secret),
}

impl KeySource {
    /// The key itself.
    pub fn secret(key: impl Into<String>) -> Self {
        Self::Secret(Secret(key.into()))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Env(name) if name.is_empty() || name.contains(['=', '\0']) => Err(
                ConfigError::new("key", format!("{name:?} is not an environment variable")),
            ),
            _ => Ok(()),
        }
    }
}

/// A key. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The key of a target, found.
#[derive(Clone, Debug)]
pub(super) enum Key {
    None,
    /// The caller's, if the request goes to one of these hosts.
    Same(Vec<String>),
    /// Marked as sensitive.
    Put(HeaderName, HeaderValue),
}

impl Key {
    pub(super) fn find(target: &Target) -> Result<Self, ConfigError> {
        let key = match &target.key {
            KeySource::None => return Ok(Self::None),
            KeySource::Same(hosts) => return Ok(Self::Same(hosts.clone())),
            KeySource::Secret(Secret(key)) => key.clone(),
            KeySource::Env(name) => env::var(name).map_err(|_| {
                ConfigError::new("key", format!("the environment has no text in {name:?}"))
            })?,
        };
        let name = target.key_header.clone().unwrap_or(match target.dialect {
            Dialect::Gemini => HeaderName::from_static("x-goog-api-key"),
            Dialect::OpenAiImages | Dialect::Passthrough => header::AUTHORIZATION,
        });
        let key = key.trim();
        let value = match name {
            header::AUTHORIZATION => HeaderValue::try_from(format!("Bearer {key}")),
            _ => HeaderValue::try_from(key),
        };
        let mut value = value
            .ok()
            .filter(|_| !key.is_empty())
            .ok_or_else(|| ConfigError::new("key", "is empty, or cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(Self::Put(name, value))
    }
}
