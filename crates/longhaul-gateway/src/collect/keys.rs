//! `collect` by hand has no configuration of upstreams, and a key on the command line is in the shell's history and
//! in the list of processes. So each host's key is in an environment variable, named after the host.

use std::{collections::BTreeMap, fmt};

use http::{HeaderMap, HeaderValue, header};

/// Which environment variable has the key of each host.
///
/// Where none is named, that of `queue.fal.run` is in `LONGHAUL_KEY_queue_fal_run`. A value with a space in it, such as
/// `Key abc`, is the whole `authorization` header; any other stands behind `Bearer`, and behind `Key` for fal.
///
/// ```
/// use longhaul_gateway::collect::HostKeys;
///
/// let keys = HostKeys::default().at("queue.fal.run", "A_VARIABLE_THAT_NOBODY_SETS");
/// let missing = keys.headers("queue.fal.run", "fal").unwrap_err();
/// assert_eq!(missing.variable, "A_VARIABLE_THAT_NOBODY_SETS");
/// ```
///
/// The key of one host is never given for another, whatever a ledger says.
#[derive(Clone, Debug, Default)]
pub struct HostKeys(BTreeMap<String, String>);

/// A host whose key nobody named.
///
/// Its message names the variable to set, and never what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MissingKey {
    /// The host, with its port where the URL has one.
    pub host: String,
    /// The environment variable that was looked for, or holds what cannot stand in a header.
    pub variable: String,
}

impl HostKeys {
    /// The key of `host`, with its port where the URL has one, is in the environment variable `variable`.
    ///
    /// In capitals or not. The last of two for the same host counts.
    #[must_use]
    pub fn at(mut self, host: impl Into<String>, variable: impl Into<String>) -> Self {
        self.0
            .insert(host.into().to_ascii_lowercase(), variable.into());
        self
    }

    /// The headers for a task of `dialect` at `host`.
    ///
    /// One header, `authorization`, marked as sensitive, so that client libraries do not log it. Providers that want
    /// another one are collected by the gateway itself, which knows `key_header`.
    ///
    /// # Errors
    ///
    /// Where the variable is not set, or holds what cannot stand in a header; the error names both host and variable.
    pub fn headers(&self, host: &str, dialect: &str) -> Result<HeaderMap, MissingKey> {
        let variable = self.variable(host);
        let value = std::env::var(&variable)
            .ok()
            .and_then(|key| authorization(key.trim(), dialect));
        let Some(value) = value else {
            let host = host.to_owned();
            return Err(MissingKey { host, variable });
        };
        Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    /// `LONGHAUL_KEY_` and the host in small letters; what no variable's name can have becomes `_`. Two hosts that
    /// differ there alone need a name each, by `at`.
    fn variable(&self, host: &str) -> String {
        let host = host.to_ascii_lowercase();
        if let Some(named) = self.0.get(&host) {
            return named.clone();
        }
        let of = |letter: char| match letter {
            'a'..='z' | '0'..='9' => letter,
            _ => '_',
        };
        format!("LONGHAUL_KEY_{}", host.chars().map(of).collect::<String>())
    }
}

/// `None` for an empty key and for one that no header can hold.
fn authorization(key: &str, dialect: &str) -> Option<HeaderValue> {
    let text = match (key, dialect) {
        ("", _) => return None,
        (key, _) if key.contains(' ') => key.to_owned(),
        (key, "fal") => format!("Key {key}"),
        (key, _) => format!("Bearer {key}"),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Display for MissingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, variable } = self;
        write!(
            f,
            "no key for {host}: set {variable}, or name another variable with --key {host}=NAME"
        )
    }
}

impl std::error::Error for MissingKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_key_is_in_the_variable_that_is_named_after_it() {
        let keys = HostKeys::default().at("Relay.Example.com:8080", "RELAY_KEY");
        for (host, variable) in [
            ("api.openai.com", "LONGHAUL_KEY_api_openai_com"),
            ("Queue.FAL.run", "LONGHAUL_KEY_queue_fal_run"),
            ("127.0.0.1:81", "LONGHAUL_KEY_127_0_0_1_81"),
            ("relay.example.com:8080", "RELAY_KEY"),
        ] {
            assert_eq!(keys.variable(host), variable);
        }
        let missing = keys.headers("relay.example.com:8080", "sub2api");
        let missing = missing.unwrap_err().to_string();
        assert!(
            missing.contains("RELAY_KEY") && missing.contains("relay.example.com:8080"),
            "{missing}"
        );
    }

    #[test]
    fn a_key_stands_in_the_header_as_its_provider_wants_it() {
        for (key, dialect, header) in [
            ("abc", "openai-responses", Some("Bearer abc")),
            ("abc", "fal", Some("Key abc")),
            ("Token abc", "fal", Some("Token abc")),
            ("", "fal", None),
            ("a\nb", "fal", None),
        ] {
            let value = authorization(key, dialect);
            let text = value.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(text, header);
            assert!(value.is_none_or(|value| value.is_sensitive()));
        }
    }
}
