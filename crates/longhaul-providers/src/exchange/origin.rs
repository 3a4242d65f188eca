//! Where a key may be sent.
//!
//! A provider's answer names URLs to poll, to fetch and to cancel at. Following them with the caller's key would hand
//! the key to whoever can write an answer: a relay that is compromised, or a prompt that makes a model print JSON. So a
//! key goes to the origin of the submit (scheme, host and port alike), or to a host that the row of the dialect lists,
//! over `https` on port 443. Anything else gets no request at all, with or without a key. The tests
//! `a_hostile_poll_url_gets_no_request_at_all` and `a_key_goes_to_its_own_origin_and_to_listed_hosts_only` keep it.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Scheme, host and port.
///
/// Both names are in lower case, and the port is always there, so that two spellings of one origin are equal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute URI; `None` for one with a user in it, or another scheme than HTTP's.
    ///
    /// A user in a URL is refused rather than dropped: `https://api.example.com@evil.test/` is written to be misread.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        Some(Self {
            scheme,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(default),
        })
    }

    /// What `told` points to, if a key may go there: the same origin, or one of the `hosts`, encrypted.
    ///
    /// A path that begins with one `/` belongs to this origin; with two it names another host, and is judged as that. A
    /// relative path (`tasks/1`) is refused: it would have to be resolved against a URL that the answer chose.
    pub(crate) fn allows(&self, told: &str, hosts: &[String]) -> Option<Uri> {
        if told.starts_with('/') && !told.starts_with("//") {
            return self.at(told);
        }
        let uri: Uri = told.parse().ok()?;
        let origin = Self::of(&uri)?;
        let listed = origin.scheme == "https"
            && origin.port == 443
            && hosts
                .iter()
                .any(|host| host.eq_ignore_ascii_case(&origin.host));
        (origin == *self || listed).then_some(uri)
    }

    /// The URI of a path here.
    ///
    /// `path` begins with `/` and may have a query. `None` where both together are no URI.
    pub(crate) fn at(&self, path: &str) -> Option<Uri> {
        format!("{self}{path}").parse().ok()
    }

    /// The host alone.
    ///
    /// For the `Host` header of a submit that goes to another host than the caller's request.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// An id as one segment of a path; `None` for one that cannot be that.
///
/// Refused are an empty id, one of more than 256 bytes, and one of dots alone: `..` as a segment would lead out of the
/// path in every HTTP server that normalises paths, with or without encoding. All letters but `A-Z a-z 0-9 - _ . ~` are
/// percent-encoded.
pub(crate) fn encoded(id: &str) -> Option<String> {
    const SAFE: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    let fits = (1..=256).contains(&id.len()) && !id.bytes().all(|byte| byte == b'.');
    fits.then(|| utf8_percent_encode(id, SAFE).to_string())
}

/// Host and port as a policy names them: without the scheme's own port.
///
/// `https://api.example.com:443/x` and `https://api.example.com/x` are the same host of a policy. `None` for a URI
/// without a host.
pub(crate) fn authority(uri: &Uri) -> Option<String> {
    let authority = uri.authority()?;
    let own = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    Some(match authority.port_u16().filter(|port| *port != own) {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    })
}

/// Whether it is a host as a policy names it: a name, and a port where it has one.
///
/// Checked when a policy is read: a URL, a path or a wildcard in its place would never match, and the calls of that
/// host would silently go out as they are.
pub(crate) fn is_authority(host: &str) -> bool {
    match host.rsplit_once(':') {
        Some((name, port)) => is_host(name) && port.parse::<u16>().is_ok(),
        None => is_host(host),
    }
}

/// Whether it is a host's name, and nothing else.
pub(crate) fn is_host(host: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_to_its_own_origin_and_to_listed_hosts_only() {
        let origin = Origin::of(&"https://api.example.com/v1/x".parse().unwrap()).unwrap();
        let listed = ["queue.example.net".to_owned()];
        for told in [
            "/v1/tasks/1",
            "https://api.example.com/v1/tasks/1",
            "https://API.example.com:443/v1/tasks/1",
            "https://queue.example.net/1",
        ] {
            assert!(origin.allows(told, &listed).is_some(), "{told}");
        }
        for told in [
            "http://api.example.com/v1/tasks/1",
            "https://api.example.com:8443/v1/tasks/1",
            "https://api.example.com.evil.test/1",
            "https://api.example.com@evil.test/1",
            "https://user@api.example.com/1",
            "https://evil.test/1",
            "http://queue.example.net/1",
            "https://queue.example.net:8443/1",
            "https://sub.queue.example.net/1",
            "//evil.test/1",
            "ftp://api.example.com/1",
            "tasks/1",
            "",
        ] {
            assert!(origin.allows(told, &listed).is_none(), "{told}");
        }
    }

    #[test]
    fn an_id_stays_within_its_segment() {
        assert_eq!(encoded("resp_1-a.b~").as_deref(), Some("resp_1-a.b~"));
        assert_eq!(encoded("../x?y#z").as_deref(), Some("..%2Fx%3Fy%23z"));
        assert_eq!(encoded(".."), None);
        assert_eq!(encoded(""), None);
        assert_eq!(encoded(&"x".repeat(257)), None);
    }
}
