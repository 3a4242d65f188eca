//! Which headers and query parameters carry a key, by their names.
//!
//! Names and not values: what a key looks like differs with each provider and is nobody's promise, while its header has
//! `key`, `token` or a word like them in it. Whole words are compared, so that `monkey`, `author` and `max_tokens` are none.

/// Whether what is called so looks like a key: one of its words is `key`, `token`, `secret`, `auth`, `sig`
/// or a form of these, as in `x-rapidapi-key`, `X-Amz-Signature` or `accessToken`.
///
/// An idempotency key opens nothing.
pub(crate) fn looks_like_key(name: &str) -> bool {
    let mut key = false;
    for word in words(name) {
        if word.eq_ignore_ascii_case("idempotency") {
            return false;
        }
        key |= WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    }
    key
}

/// The words, and those that are written together.
const WORDS: [&str; 24] = [
    "key",
    "keys",
    "apikey",
    "accesskey",
    "secretkey",
    "token",
    "apitoken",
    "authtoken",
    "accesstoken",
    "secret",
    "secrets",
    "auth",
    "authorization",
    "authentication",
    "oauth",
    "bearer",
    "jwt",
    "sig",
    "sign",
    "signature",
    "password",
    "passwd",
    "credential",
    "credentials",
];

/// At whatever is no letter and no digit, and where a capital follows a small letter.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        while !bytes.get(from)?.is_ascii_alphanumeric() {
            from += 1;
        }
        let start = from;
        while from < bytes.len() && bytes[from].is_ascii_alphanumeric() {
            let hump = bytes[from].is_ascii_uppercase();
            if hump && from > start && bytes[from - 1].is_ascii_lowercase() {
                break;
            }
            from += 1;
        }
        name.get(start..from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_are_known_by_their_words() {
        for name in [
            "authorization",
            "proxy-authorization",
            "x-goog-api-key",
            "x-api-key",
            "api-key",
            "ocp-apim-subscription-key",
            "x-rapidapi-key",
            "x-api-token",
            "fal-key",
            "x-amz-security-token",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "key",
            "KEY",
            "api_key",
            "apikey",
            "apiKey",
            "access_token",
            "accessToken",
            "token",
            "sig",
            "client.secret",
        ] {
            assert!(looks_like_key(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_no_keys() {
        for name in [
            "",
            "monkey",
            "author",
            "x-author-id",
            "max_tokens",
            "design",
            "signal",
            "keyboard",
            "content-type",
            "idempotency-key",
            "x-idempotency-key",
            "idempotencyKey",
        ] {
            assert!(!looks_like_key(name), "{name}");
        }
    }
}
