//! Hosts as people write them in a policy: without scheme, port or path, so that one name covers every URL of a host.

use std::net::Ipv6Addr;

use http::Uri;

use crate::config::ConfigError;

/// Some hosts, by name.
///
/// A name is exact (`api.example.com`, `10.0.0.7`, `::1`), or `*.` and a suffix: `*.example.com` is every
/// host below `example.com`, and not that one itself. Upper and lower case are the same.
///
/// ```
/// use longhaul::{http1::Hosts, policy::Policy};
///
/// // A cheap API may keep HTTP/2.
/// let mut policy = Policy::nano_banana_pro();
/// policy.http1.hosts = Hosts::Except(vec!["status.example.com".to_owned()]);
/// ```
///
/// In a file a word or a table with one key:
///
/// ```
/// use longhaul::http1::Hosts;
///
/// let hosts: Hosts = serde_json::from_str(r#"{"only": ["*.example.com"]}"#)?;
/// assert_eq!(hosts, Hosts::Only(vec!["*.example.com".to_owned()]));
/// assert_eq!(serde_json::to_string(&Hosts::All)?, r#""all""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hosts {
    /// Every host.
    #[default]
    All,
    /// These and no others.
    ///
    /// An empty list names none.
    Only(Vec<String>),
    /// All but these.
    ///
    /// A request without a host is none of the named ones.
    Except(Vec<String>),
}

impl Hosts {
    /// Whether the host of `uri` is one of them. A request without a host has the empty name.
    pub(crate) fn contains(&self, uri: &Uri) -> bool {
        let named = |names: &[String]| {
            let host = uri.host().unwrap_or_default();
            names.iter().any(|name| matches(name, host))
        };
        match self {
            Self::All => true,
            Self::Only(names) => named(names),
            Self::Except(names) => !named(names),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let (field, names) = match self {
            Self::All => return Ok(()),
            Self::Only(names) => ("only", names),
            Self::Except(names) => ("except", names),
        };
        all_are_names(field, names)
    }
}

/// Refuses what could never be the host of a URI.
pub(crate) fn all_are_names(field: &str, names: &[String]) -> Result<(), ConfigError> {
    match names.iter().find(|name| !is_name(name)) {
        Some(wrong) => Err(ConfigError::new(
            field,
            format!(
                "{wrong:?} is not a host: write `api.example.com` or `*.example.com`, \
                 without scheme, port or path"
            ),
        )),
        None => Ok(()),
    }
}

/// Whether `name`, as it stands in a policy, is the host of a URI.
pub(crate) fn matches(name: &str, host: &str) -> bool {
    let (name, host) = (bare(name), bare(host));
    match name.strip_prefix('*') {
        // The suffix keeps its dot, and something stands before it.
        Some(suffix) => host
            .len()
            .checked_sub(suffix.len())
            .filter(|&before| before > 0)
            .and_then(|before| host.get(before..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        None => name.eq_ignore_ascii_case(host),
    }
}

/// Without the brackets of an IPv6 address and without the dot of the root.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or_else(|| host.strip_suffix('.').unwrap_or(host))
}

/// Whether `name` can name a host in a policy.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    match name.strip_prefix("*.") {
        Some(suffix) => plain(suffix),
        None => plain(name) || bare(name).parse::<Ipv6Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_exactly_or_by_suffix() {
        let rows = [
            ("api.example.com", "API.Example.com", true),
            ("api.example.com", "api.example.com.", true),
            ("api.example.com", "v2.api.example.com", false),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "a.b.EXAMPLE.com", true),
            ("*.example.com.", "api.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", ".example.com", false),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("10.0.0.7", "10.0.0.7", true),
        ];
        for (name, host, expected) in rows {
            assert_eq!(matches(name, host), expected, "{name} {host}");
            let uri = format!("https://{host}/").parse().unwrap();
            let names = || vec!["other.example".to_owned(), name.to_owned()];
            assert_eq!(Hosts::Only(names()).contains(&uri), expected);
            assert_eq!(Hosts::Except(names()).contains(&uri), !expected);
            assert!(Hosts::All.contains(&uri));
        }
    }

    #[test]
    fn a_request_without_a_host_is_no_named_one() {
        let uri = "/only/a/path".parse().unwrap();
        let names = || vec!["a.example".to_owned()];
        assert!(!Hosts::Only(names()).contains(&uri));
        assert!(Hosts::Except(names()).contains(&uri) && Hosts::All.contains(&uri));
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for name in [
            "",
            "*",
            "*.",
            "a.*.example",
            "*example.com",
            "https://a.example",
            "a.example:443",
            "a.example/path",
            "a example",
            "bücher.example",
        ] {
            let error = Hosts::Only(vec![name.to_owned()]).validate().unwrap_err();
            assert_eq!(error.field(), "only", "{name}");
        }
        let good = [
            "a.example",
            "*.example",
            "10.0.0.7",
            "::1",
            "[::1]",
            "under_score",
        ];
        let good = good.map(str::to_owned).to_vec();
        assert_eq!(Hosts::Except(good).validate(), Ok(()));
    }
}
