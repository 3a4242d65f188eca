//! Host and port, as DNS, TLS and proxies want them: each in another form.

use std::fmt;

use http::Uri;

/// Host and port of a URI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    /// An IPv6 address in its brackets.
    host: String,
    port: u16,
}

impl Address {
    /// With the port that the scheme implies where the URI has none.
    pub(crate) fn of(uri: &Uri) -> Self {
        let default = match uri.scheme_str() {
            Some("https") => 443,
            Some("socks5" | "socks5h") => 1080,
            _ => 80,
        };
        Self {
            host: uri.host().unwrap_or_default().to_owned(),
            port: uri.port_u16().unwrap_or(default),
        }
    }

    /// The host as DNS and TLS name it: an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.host.strip_prefix('[');
        host.and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&self.host)
    }

    /// The port of the URI, or that of its scheme.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
