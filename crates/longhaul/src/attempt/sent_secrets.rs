//! The keys of a request, so that nothing which repeats them is kept.
//!
//! Providers repeat a key in error texts (“Incorrect API key provided: …”), and relays put it into ids. Evidence goes into
//! ledgers, logs and reports, where no key may stand. The keys themselves are kept as header values with the facts of the
//! attempt, and are never printed: `Debug` shows the type's name alone.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, USER_AGENT},
};
use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use crate::config::key_names::looks_like_key;

/// What nearly every request has: their names need not be taken apart.
static HARMLESS: [HeaderName; 6] = [
    ACCEPT,
    ACCEPT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    USER_AGENT,
];

/// Shorter ones are found in texts by chance.
///
/// A shorter key is left out of a text only where it is the whole of it.
const SHORTEST: usize = 8;

/// The keys that a request carries, so that none of them is kept where its answer repeats it.
#[derive(Clone, Default)]
pub(crate) struct SentSecrets(SmallVec<[HeaderValue; 1]>);

impl SentSecrets {
    /// What looks like a key, or is marked as sensitive, in the headers and the query.
    ///
    /// Cookies count as keys, whatever they are called. The query counts too: Google's keys may be sent as `?key=…`, and names as
    /// well as values may be percent-encoded.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        let in_headers = headers.iter().filter(|(name, value)| {
            let harmless = HARMLESS.contains(name);
            value.is_sensitive() || *name == COOKIE || !harmless && looks_like_key(name.as_str())
        });
        let in_headers = in_headers.map(|(_, value)| value.clone());
        let query = uri.query().unwrap_or_default();
        let in_query = query.split(['&', ';']).filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let name = percent_decode_str(name).decode_utf8_lossy();
            let value = percent_decode_str(value).decode_utf8_lossy();
            looks_like_key(&name).then(|| HeaderValue::from_str(&value).ok())?
        });
        Self(in_headers.chain(in_query).collect())
    }

    /// Whether `text` shows one of them: as it was sent, or without its scheme (`Bearer`).
    pub(crate) fn are_shown_by(&self, text: &str) -> bool {
        self.0.iter().any(|value| {
            let value = value.to_str().unwrap_or_default();
            let secret = value.trim_end().rsplit(' ').next().unwrap_or_default();
            text == secret || secret.len() >= SHORTEST && text.contains(secret)
        })
    }
}

impl fmt::Debug for SentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentSecrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_the_answer_repeats_it() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            HeaderValue::from_static("Bearer sk-s3cret-1 "),
        );
        headers.insert("x-rapidapi-key", HeaderValue::from_static("short"));
        headers.insert("idempotency-key", HeaderValue::from_static("0123456789"));
        let uri = Uri::from_static("/v1?m=gemini-3-pro&%6bey=AIza%2Dsecret");
        let secrets = SentSecrets::of(&headers, &uri);

        for shown in ["sk-s3cret-1", "req-sk-s3cret-1", "short", "AIza-secret"] {
            assert!(secrets.are_shown_by(shown), "{shown}");
        }
        for other in ["0123456789", "shortest", "gemini-3-pro", "Bearer", ""] {
            assert!(!secrets.are_shown_by(other), "{other}");
        }
        assert!(!format!("{secrets:?}").contains("s3cret"));
    }
}
