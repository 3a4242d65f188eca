//! Keys: where a target's comes from, and that the caller's goes to no other target.

use std::{env, fmt};

use http::{
    HeaderName, HeaderValue, header,
    request::Parts,
    uri::{PathAndQuery, Uri},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{origin::TargetOrigin, report::SkipReason, rewrite::KeyPlace};
use crate::config::{ConfigError, hosts};

/// All but what means the same inside a query as outside.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Where a target's key comes from.
///
/// Unless it is [`Same`](Self::Same), nothing of the caller's request headers is sent to the target but a
/// short list that cannot hold a key, and of the query nothing but `alt`.
///
/// ```
/// use longhaul::fallback::{KeySource, Target};
///
/// let mut target = Target::new("ark", "https://ark.example.com");
/// // Read when the layer is built, and never shown.
/// target.key = KeySource::Env("ARK_API_KEY".to_owned());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeySource {
    /// It needs none.
    #[default]
    None,
    /// The caller's own key is good there too: another address of the same provider. Only for requests to these
    /// hosts, `api.example.com` or `*.example.com`, and to the host of the target itself.
    Same(Vec<String>),
    /// An environment variable, read when the layer is built.
    Env(String),
    /// This one. Only in code: it is neither read from files nor written to them.
    #[serde(skip)]
    Secret(Secret),
}

impl KeySource {
    /// The key itself.
    ///
    /// ```
    /// use longhaul::fallback::KeySource;
    ///
    /// let key = KeySource::secret("sk-from-the-vault");
    /// assert!(!format!("{key:?}").contains("vault"), "it is not shown");
    /// ```
    pub fn secret(key: impl Into<String>) -> Self {
        Self::Secret(Secret(key.into()))
    }

    /// Whether the target has a key of its own.
    pub(super) const fn is_own(&self) -> bool {
        matches!(self, Self::Env(_) | Self::Secret(_))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Env(name) if name.is_empty() || name.contains(['=', '\0']) => Err(
                ConfigError::new("key", format!("{name:?} is not an environment variable")),
            ),
            Self::Same(names) => hosts::all_are_names("key", names),
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
pub(super) enum TargetKey {
    None,
    /// The caller's, if the request goes to one of these hosts.
    Same(Vec<String>),
    /// Marked as sensitive.
    Header(HeaderName, HeaderValue),
    /// Name and value, as they stand in a query.
    Query(Secret),
}

impl TargetKey {
    /// Finds the key that goes to `to`.
    ///
    /// At the building of the layer and not at the first call: a variable that is missing stops the start of the program, and
    /// not the first fallback that would need it.
    pub(super) fn find(source: &KeySource, to: KeyPlace) -> Result<Self, ConfigError> {
        let key = match source {
            KeySource::None => return Ok(Self::None),
            KeySource::Same(hosts) => return Ok(Self::Same(hosts.clone())),
            KeySource::Secret(Secret(key)) => key.clone(),
            KeySource::Env(name) => env::var(name).map_err(|_| {
                ConfigError::new("key", format!("the environment has no text in {name:?}"))
            })?,
        };
        let key = key.trim();
        let wrong = || ConfigError::new("key", "is empty, or cannot stand in a header");
        if key.is_empty() {
            return Err(wrong());
        }
        let name = match to {
            KeyPlace::Header(name) => name,
            KeyPlace::Query(name) => {
                let encoded = |text| utf8_percent_encode(text, UNSAFE);
                let pair = format!("{}={}", encoded(&name), encoded(key));
                return Ok(Self::Query(Secret(pair)));
            }
        };
        let value = match name {
            header::AUTHORIZATION => HeaderValue::try_from(format!("Bearer {key}")),
            _ => HeaderValue::try_from(key),
        };
        let mut value = value.map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok(Self::Header(name, value))
    }

    /// Puts it into a request to `place`, which `head` is addressed to whatever it says.
    pub(super) fn address(&self, place: &TargetOrigin, head: &mut Parts) -> Result<(), SkipReason> {
        let mut path = path_of(&head.uri);
        match self {
            Self::None | Self::Same(_) => {}
            Self::Header(name, value) => {
                head.headers.insert(name, value.clone());
            }
            Self::Query(Secret(pair)) => {
                let joint = if path.query().is_some() { '&' } else { '?' };
                let with_key = format!("{path}{joint}{pair}");
                path = with_key.parse().map_err(|_| SkipReason::Url)?;
            }
        }
        head.uri = place.at(path).ok_or(SkipReason::Url)?;
        Ok(())
    }
}

/// Path and query of a URI that may have none.
pub(super) fn path_of(uri: &Uri) -> PathAndQuery {
    let path = uri.path_and_query().cloned();
    path.unwrap_or_else(|| PathAndQuery::from_static("/"))
}
