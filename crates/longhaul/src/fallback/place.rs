//! Where a target is.

use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

const MODEL: &str = "{model}";

/// Scheme and authority, and the path, if one is given.
#[derive(Clone, Debug)]
pub(super) struct Place {
    scheme: Scheme,
    authority: Authority,
    path: Option<String>,
}

impl Place {
    /// Reads a target's URL; the error says what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{url:?} {why}"));
        let (scheme, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::HTTPS, rest),
            (_, Some(rest)) => (Scheme::HTTP, rest),
            _ => return wrong("does not begin with https:// or http://"),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
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
        if path.replacen(MODEL, "m", 1).contains(['{', '}']) {
            return wrong("has braces around something else than `model`");
        }
        if path
            .replacen(MODEL, "m", 1)
            .parse::<PathAndQuery>()
            .is_err()
            && !path.is_empty()
        {
            return wrong("has a path that cannot be called");
        }
        Ok(Self {
            scheme,
            authority,
            path: (path.len() > 1).then(|| path.to_owned()),
        })
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The URI for `model`, at this place's own path or else at `path`. `None` where the model's name does
    /// not fit into one.
    pub(super) fn uri(&self, path: &str, model: Option<&str>, query: Option<&str>) -> Option<Uri> {
        let template = self.path.as_deref().unwrap_or(path);
        let mut path = if template.contains(MODEL) {
            template.replacen(MODEL, model.filter(|model| is_plain(model))?, 1)
        } else {
            template.to_owned()
        };
        if let Some(query) = query {
            path.push('?');
            path.push_str(query);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }
}

/// Whether a name means the same inside a path as outside.
fn is_plain(model: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/@".contains(&byte);
    !model.is_empty() && !model.contains("..") && model.bytes().all(plain)
}
