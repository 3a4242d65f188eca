//! Where a target is.

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

const MODEL: &str = "{model}";

/// Scheme and authority of a target.
#[derive(Clone, Debug)]
pub(super) struct TargetOrigin {
    scheme: Scheme,
    authority: Authority,
}

impl TargetOrigin {
    /// Reads a target's URL; the error says what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{url:?} {why}"));
        let Some((scheme, authority, path)) = split(url) else {
            return wrong("does not begin with https:// or http://");
        };
        if authority.contains('@') {
            // And the text is not repeated: there may be a password in it.
            return Err("names a user; keys belong into `key`".to_owned());
        }
        let Ok(authority) = authority.parse::<Authority>() else {
            return wrong("names no host");
        };
        if path.contains(['?', '#']) {
            return Err("has a query; keys belong into `key`".to_owned());
        }
        let filled = path.replacen(MODEL, "m", 1);
        if filled.contains(['{', '}']) {
            return wrong("has braces around something else than `model`");
        }
        if !path.is_empty() && filled.parse::<PathAndQuery>().is_err() {
            return wrong("has a path that cannot be called");
        }
        Ok(Self { scheme, authority })
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The URI of `path` here.
    pub(super) fn at(&self, path: PathAndQuery) -> Option<Uri> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }
}

/// The path of a target's URL, if it has one.
pub(super) fn path_of(url: &str) -> Option<&str> {
    let (_, _, path) = split(url)?;
    (path.len() > 1).then_some(path)
}

/// Scheme, authority, and the rest.
fn split(url: &str) -> Option<(Scheme, &str, &str)> {
    let (scheme, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (Scheme::HTTPS, rest),
        (_, Some(rest)) => (Scheme::HTTP, rest),
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    Some((scheme, authority, path))
}

/// The same URI with another path; its query stays.
pub(super) fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}").parse(),
        None => path.parse(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.ok()?);
    Uri::from_parts(parts).ok()
}
