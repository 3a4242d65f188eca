//! The only place where a target is made of what a caller wrote. Scheme and authority are the configuration's and are
//! never parsed out of a request; of the request only path and query are taken, and put behind them as text.
//!
//! Test: `a_request_moves_to_the_upstream_and_nowhere_else`.

use std::fmt;

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use percent_encoding::percent_decode_str;

/// Moves requests to one upstream: its scheme, host and port, and its path in front of theirs.
///
/// ```
/// use longhaul_gateway::forward::{Rebase, RebaseError};
///
/// let rebase = Rebase::new("https://api.example.com/openai", "/gateway").unwrap();
/// let uri = rebase.uri("/gateway/v1/models", Some("limit=2")).unwrap();
/// assert_eq!(uri, "https://api.example.com/openai/v1/models?limit=2");
/// assert_eq!(rebase.uri("/gateway/../admin", None), Err(RebaseError::DotSegment));
/// ```
#[derive(Clone, Debug)]
pub struct Rebase {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end.
    path: String,
    /// What is taken off the front of a caller's path.
    strip: String,
}

/// Why a request cannot be moved.
///
/// `Display` says what to write in its place; nothing of the request is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RebaseError {
    /// The upstream's URL is no `http` or `https` URL with a host, or has a user, a query or a fragment.
    Upstream,
    /// The path has a segment `.` or `..`, also encoded: it might lead out of the upstream's own path.
    DotSegment,
    /// The path or the query cannot stand in a URI.
    Path,
}

impl fmt::Display for RebaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upstream => {
                "write http:// or https://, a host and at most a path, without user, query or fragment"
            }
            Self::DotSegment => "the path has a segment `.` or `..`: write the path that is meant",
            Self::Path => "the path or the query has characters that a URI cannot have",
        })
    }
}

impl std::error::Error for RebaseError {}

impl Rebase {
    /// To `upstream`, such as `https://api.example.com/openai`; `strip` is taken off the front of the caller's path.
    ///
    /// Refuses a URL that calls cannot be moved to.
    ///
    /// ```
    /// use longhaul_gateway::forward::{Rebase, RebaseError};
    ///
    /// assert!(Rebase::new("https://api.example.com", "").is_ok());
    /// assert_eq!(Rebase::new("https://user:word@api.example.com", "").unwrap_err(), RebaseError::Upstream);
    /// ```
    ///
    /// Only whole segments of `strip` are taken off; an empty one takes nothing.
    ///
    /// # Errors
    ///
    /// [`RebaseError::Upstream`].
    pub fn new(upstream: &str, strip: &str) -> Result<Self, RebaseError> {
        if upstream.contains(['?', '#', '@']) {
            return Err(RebaseError::Upstream);
        }
        let parts = upstream
            .parse::<Uri>()
            .map_err(|_| RebaseError::Upstream)?
            .into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(RebaseError::Upstream);
        };
        if ![Scheme::HTTP, Scheme::HTTPS].contains(&scheme) || authority.host().is_empty() {
            return Err(RebaseError::Upstream);
        }
        let path = parts.path_and_query.map_or(String::new(), |path| {
            path.path().trim_end_matches('/').to_owned()
        });
        Ok(Self {
            scheme,
            authority,
            path,
            strip: strip.trim_end_matches('/').to_owned(),
        })
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// Scheme, host, port and path of the upstream.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path)
    }

    /// The URI at the upstream for a caller's path and query. Whatever host the caller named has no part in it.
    ///
    /// ```
    /// use longhaul_gateway::forward::Rebase;
    ///
    /// let rebase = Rebase::new("https://api.example.com", "")?;
    /// // What looks like another host is a path.
    /// assert_eq!(rebase.uri("//evil.example/x", None)?.host(), Some("api.example.com"));
    /// assert!(rebase.uri("/v1/%2e%2e/admin", None).is_err(), "also where it is encoded");
    /// # Ok::<(), longhaul_gateway::forward::RebaseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RebaseError::DotSegment`] and [`RebaseError::Path`].
    pub fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, RebaseError> {
        if has_dot_segment(path) {
            return Err(RebaseError::DotSegment);
        }
        // Only whole segments: `/gem` is no part of `/gemini`.
        let rest = match path.strip_prefix(self.strip.as_str()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        };
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let whole = match query {
            Some(query) => format!("{}{slash}{rest}?{query}", self.path),
            None => format!("{}{slash}{rest}", self.path),
        };
        let path_and_query = whole
            .parse::<PathAndQuery>()
            .map_err(|_| RebaseError::Path)?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
            .map_err(|_| RebaseError::Path)
    }
}

/// `.` and `..`, also where they or the slashes beside them are encoded.
///
/// Decoded once: what is encoded twice is a name with `%` in it for the provider as well. A backslash counts as a
/// slash, since some servers take it for one.
fn has_dot_segment(path: &str) -> bool {
    let plain = percent_decode_str(path).decode_utf8_lossy();
    let mut segments = plain.split(['/', '\\']);
    segments.any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_moves_to_the_upstream_and_nowhere_else() {
        for (upstream, strip, path, query, moved) in [
            (
                "https://api.example",
                "",
                "/v1/x",
                None,
                "https://api.example/v1/x",
            ),
            (
                "https://api.example/",
                "",
                "/v1/x",
                Some("a=1"),
                "https://api.example/v1/x?a=1",
            ),
            (
                "http://h:81/openai/",
                "",
                "/v1/x",
                None,
                "http://h:81/openai/v1/x",
            ),
            (
                "https://h/base",
                "/gem",
                "/gem/v1beta/x",
                None,
                "https://h/base/v1beta/x",
            ),
            ("https://h", "/gem/", "/gem", None, "https://h/"),
            ("https://h", "/gem", "/gemini/x", None, "https://h/gemini/x"),
            (
                "https://h",
                "",
                "//evil.example/x",
                None,
                "https://h//evil.example/x",
            ),
            (
                "https://h",
                "",
                "/@evil.example",
                None,
                "https://h/@evil.example",
            ),
        ] {
            let rebase = Rebase::new(upstream, strip).unwrap();
            assert_eq!(rebase.uri(path, query).unwrap().to_string(), moved);
        }
    }

    #[test]
    fn a_path_that_leads_out_of_the_upstreams_is_refused() {
        let rebase = Rebase::new("https://h/base", "").unwrap();
        for path in [
            "/../x",
            "/v1/../../x",
            "/v1/%2e%2E/x",
            "/v1/..",
            "/.",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/a%5c..",
        ] {
            assert_eq!(
                rebase.uri(path, None),
                Err(RebaseError::DotSegment),
                "{path}"
            );
        }
        assert!(rebase.uri("/v1/..x/a.b", None).is_ok());
    }

    #[test]
    fn an_upstream_must_be_a_plain_url() {
        for bad in [
            "api.example",
            "ftp://h",
            "https://u:p@h",
            "https://h?x=1",
            "https://h#x",
            "/x",
            "",
        ] {
            assert_eq!(
                Rebase::new(bad, "").unwrap_err(),
                RebaseError::Upstream,
                "{bad}"
            );
        }
    }
}
