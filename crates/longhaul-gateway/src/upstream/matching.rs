//! Which requests go to an upstream.
//!
//! Three lists, each of which takes everything where it is empty. The head decides by path and host before the body
//! is read; the model only afterwards, which is why it is asked apart.

use http::{header, request::Parts};

use super::Upstream;

/// Whom a caller asks: its `Host` header in HTTP/1, the authority of its URI in HTTP/2.
pub(crate) fn host(head: &Parts) -> Option<&str> {
    let named = head.headers.get(header::HOST);
    named
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.host())
}

impl Upstream {
    /// Whether path and host fit.
    ///
    /// The host is that of the caller's `Host` header, without its port.
    pub(crate) fn fits_head(&self, path: &str, host: Option<&str>) -> bool {
        let config = self.config();
        let path_fits =
            config.paths.is_empty() || config.paths.iter().any(|beginning| begins(path, beginning));
        let host = host.map(without_port);
        let host_fits = config.hosts.is_empty()
            || config
                .hosts
                .iter()
                .any(|name| host.is_some_and(|host| host.eq_ignore_ascii_case(name)));
        path_fits && host_fits
    }

    /// The host as it was compared, where it was: in small letters and without its port.
    pub(crate) fn host_asked(&self, host: Option<&str>) -> Option<String> {
        let host = host.filter(|_| !self.config().hosts.is_empty());
        host.map(|host| without_port(host).to_ascii_lowercase())
    }

    /// Whether it is chosen by the model.
    pub(crate) fn asks_model(&self) -> bool {
        !self.config().models.is_empty()
    }

    /// Whether the model fits. A request that names none fits where no model is asked for.
    ///
    /// Capitals count, as they do for providers.
    pub(crate) fn fits_model(&self, model: Option<&str>) -> bool {
        let models = &self.config().models;
        models.is_empty()
            || model.is_some_and(|model| models.iter().any(|pattern| matches(pattern, model)))
    }
}

/// Whole segments only, unless `beginning` itself ends within one at `/`.
fn begins(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning)
        .is_some_and(|rest| rest.is_empty() || beginning.ends_with('/') || rest.starts_with('/'))
}

/// `*` at the end only.
fn matches(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning),
        None => model == pattern,
    }
}

/// An IPv6 address in brackets stays whole.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hosts_and_models_fit_as_a_whole_or_by_their_beginning() {
        assert!(begins("/v1/images", "/v1/") && begins("/gem/x", "/gem") && begins("/gem", "/gem"));
        assert!(!begins("/gemini/x", "/gem") && !begins("/v2", "/v1/"));
        assert!(matches("gpt-image-*", "gpt-image-2") && matches("x", "x") && matches("*", "any"));
        assert!(!matches("gpt-image", "gpt-image-2"));
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("[::1]:80"), "[::1]");
    }
}
