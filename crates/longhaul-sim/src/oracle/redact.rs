//! What the oracle may keep of a request's headers.
//!
//! Entries are printed by failing tests and written into reports, so what authenticates a caller is not kept at all.
//! That a header was there is kept: a test that a key goes to one host and not to another needs no more.

use http::HeaderMap;

/// The names under which the simulated APIs and proxies take keys, and cookies.
const SECRET: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-goog-api-key",
    "api-key",
    "x-api-key",
    "cookie",
];

/// All headers by name, the secret ones without their values.
pub(super) fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut kept: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let value = if SECRET.contains(&name.as_str()) {
                "(not kept)".into()
            } else {
                String::from_utf8_lossy(value.as_bytes())
            };
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect();
    kept.sort();
    kept
}
