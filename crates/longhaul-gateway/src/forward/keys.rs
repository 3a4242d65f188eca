//! Where callers put their keys.
//!
//! SDKs put a key into one of four headers or into the query. What identifies a caller and what is taken out before a
//! request goes on are the same list, so that no key can be read in one place and forgotten in the other
//! (`no_key_of_the_callers_goes_on`).

use http::{HeaderMap, HeaderName, Uri, header};

/// The headers in which SDKs send a key.
///
/// OpenAI's, Google's, Azure's, and what relays use, in the order in which they are looked at.
const HEADERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
];

/// The query parameter in which Gemini's REST examples send it.
const PARAMETER: &str = "key";

/// The key that a request presents: `Authorization: Bearer …`, `x-goog-api-key`, `api-key`, `x-api-key` or `?key=`, the
/// first of them that is there.
///
/// ```
/// use longhaul_gateway::forward::presented_key;
///
/// let request = http::Request::get("/v1/models?key=from-the-query").header("authorization", "Bearer sk-one");
/// let request = request.body(()).unwrap();
/// assert_eq!(presented_key(request.headers(), request.uri()), Some("sk-one"));
/// ```
///
/// `Authorization` counts with the scheme `Bearer` alone. A key in the query is taken as it stands, without decoding:
/// keys have no characters that need it.
pub fn presented_key<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let in_headers = HEADERS.iter().find_map(|name| {
        let text = headers.get(name)?.to_str().ok()?.trim();
        if *name != header::AUTHORIZATION {
            return Some(text);
        }
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    in_headers.or_else(|| {
        let mut parameters = uri.query()?.split('&');
        parameters.find_map(|parameter| parameter.strip_prefix(PARAMETER)?.strip_prefix('='))
    })
}

/// Removes every place where a caller's key can stand, cookies among them; returned is the query without its `key`.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use longhaul_gateway::forward::strip_keys;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-api-key", HeaderValue::from_static("sk-one"));
/// headers.insert("accept", HeaderValue::from_static("application/json"));
/// assert_eq!(strip_keys(&mut headers, Some("alt=sse&key=sk-one")).as_deref(), Some("alt=sse"));
/// assert_eq!(headers.len(), 1, "what is no key stays");
/// ```
///
/// Cookies go as well: a session of the gateway's own origin is nothing for a provider. What is no key stays in its
/// order.
pub fn strip_keys(headers: &mut HeaderMap, query: Option<&str>) -> Option<String> {
    for name in HEADERS.iter().chain(&[header::COOKIE]) {
        headers.remove(name);
    }
    let is_key = |parameter: &&str| parameter.split('=').next() == Some(PARAMETER);
    let rest: Vec<_> = query?
        .split('&')
        .filter(|parameter| !is_key(parameter))
        .collect();
    (!rest.is_empty()).then(|| rest.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_sdks_put_it() {
        let none = Uri::from_static("/v1/images/generations");
        let in_query = Uri::from_static("/v1beta/models?alt=sse&key=secret");
        for (name, value, uri, found) in [
            ("authorization", "Bearer secret", &none, Some("secret")),
            ("authorization", "bearer  secret ", &none, Some("secret")),
            ("authorization", "Basic c2VjcmV0", &none, None),
            ("x-goog-api-key", "secret", &none, Some("secret")),
            ("api-key", "secret", &none, Some("secret")),
            ("x-api-key", "secret", &none, Some("secret")),
            ("accept", "*/*", &in_query, Some("secret")),
            ("accept", "*/*", &none, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(presented_key(&headers, uri), found, "{name}: {value}");
        }
    }

    #[test]
    fn no_key_of_the_callers_goes_on() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "x-goog-api-key",
            "api-key",
            "x-api-key",
            "cookie",
            "accept",
        ] {
            headers.insert(name, "x".parse().unwrap());
        }
        let query = strip_keys(&mut headers, Some("alt=sse&key=secret&x=1"));
        assert_eq!(query.as_deref(), Some("alt=sse&x=1"));
        assert_eq!(headers.len(), 1);
        assert_eq!(strip_keys(&mut headers, Some("key=secret")), None);
        assert_eq!(
            strip_keys(&mut headers, Some("monkey=1")).as_deref(),
            Some("monkey=1")
        );
    }
}
