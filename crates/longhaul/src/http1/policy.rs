use http::HeaderName;

use crate::config::ConfigError;
use crate::config::Hosts;

/// Where plain `http://` leads, as far as keys are concerned.
///
/// ```
/// use longhaul::{Stack, http1::HttpScope, policy::Policy};
///
/// assert_eq!(HttpScope::default(), HttpScope::PublicProduction, "a key over plain http is refused");
/// let mut policy = Policy::nano_banana_pro();
/// policy.http1.scope = HttpScope::Vpn;
/// Stack::new(policy)?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum HttpScope {
    /// Inside a private network: keys may go over plain http.
    Private,
    /// Over a VPN or a leased line: keys may go over plain http.
    Vpn,
    /// A public network, for development and tests: keys go, with a warning that they can be read.
    PublicDevelopment,
    /// A public network, in production: keys are refused.
    ///
    /// Without a declaration nothing else is safe to assume: a host name does not say which network leads to it.
    #[default]
    PublicProduction,
}

/// Which hosts get HTTP/1.1, and what must not leave over plain http.
///
/// ```
/// use longhaul::{http1::HttpScope, policy::Policy};
///
/// let mut policy = Policy::nano_banana_pro();
/// // Plain http leads to machines of one's own: keys may go.
/// policy.http1.scope = HttpScope::Private;
/// policy.http1.key_headers.push("x-relay-pass".to_owned());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Http1Policy {
    /// The hosts whose requests leave as HTTP/1.1. Default all.
    pub hosts: Hosts,
    /// Where plain http leads. Default [`HttpScope::PublicProduction`].
    ///
    /// It speaks of plain http alone. Over https every key may go.
    pub scope: HttpScope,
    /// Headers whose value is a key though their names do not look like it, in any case. Default `cookie`.
    ///
    /// What has `key`, `token`, `secret`, `auth`, `sig` or a form of these among the words of its name looks like one,
    /// but for an idempotency key; and values marked as sensitive count in any header.
    pub key_headers: Vec<String>,
    /// Query parameters whose value is a key though their names do not look like it, in any case. Default none.
    pub key_parameters: Vec<String>,
}

impl Default for Http1Policy {
    fn default() -> Self {
        Self {
            hosts: Hosts::All,
            scope: HttpScope::default(),
            key_headers: vec!["cookie".to_owned()],
            key_parameters: Vec::new(),
        }
    }
}

impl Http1Policy {
    /// Refuses a policy that cannot mean what it says.
    ///
    /// ```
    /// use longhaul::http1::Http1Policy;
    ///
    /// let mut policy = Http1Policy::default();
    /// policy.key_headers.push("not a header".to_owned());
    /// assert!(policy.validate().is_err());
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.hosts
            .validate()
            .map_err(|error| error.under("hosts"))?;
        for name in &self.key_headers {
            HeaderName::try_from(name).map_err(|_| {
                ConfigError::new("key_headers", format!("{name:?} is not a header's name"))
            })?;
        }
        for name in &self.key_parameters {
            if name.is_empty() || name.contains(['=', '&', '?', '#']) {
                return Err(ConfigError::new(
                    "key_parameters",
                    format!("{name:?} is not a query parameter's name"),
                ));
            }
        }
        Ok(())
    }
}
