use std::{fmt, ops::Deref};

use http::HeaderValue;

/// An idempotency key as it was sent: text, which an entry shares with the header.
#[derive(Clone)]
pub struct SentKey(Repr);

#[derive(Clone)]
enum Repr {
    /// Text, as [`SentKey::of`] has seen.
    Header(HeaderValue),
    Text(Box<str>),
}

impl SentKey {
    /// The key in a header; `None` for one that is no text, or is
    /// [marked as sensitive](HeaderValue::is_sensitive).
    pub(super) fn of(value: &HeaderValue) -> Option<Self> {
        let fits = !value.is_sensitive() && value.to_str().is_ok();
        fits.then(|| Self(Repr::Header(value.clone())))
    }
}

impl Deref for SentKey {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Repr::Header(value) => value.to_str().unwrap_or_default(),
            Repr::Text(text) => text,
        }
    }
}

/// For ledgers that read back what they wrote.
impl From<&str> for SentKey {
    fn from(text: &str) -> Self {
        Self(Repr::Text(text.into()))
    }
}

/// For ledgers that read back what they wrote.
impl From<String> for SentKey {
    fn from(text: String) -> Self {
        Self(Repr::Text(text.into()))
    }
}

impl PartialEq for SentKey {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SentKey {}

impl fmt::Debug for SentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for SentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl serde::Serialize for SentKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_text_wherever_it_came_from() {
        let mut value = HeaderValue::from_static("key-1");
        let sent = SentKey::of(&value).unwrap();
        assert_eq!((&*sent, &sent), ("key-1", &"key-1".into()));
        assert_eq!(sent, SentKey::from("key-1".to_owned()));
        assert_eq!(format!("{sent:?} {sent}"), r#""key-1" key-1"#);

        value.set_sensitive(true);
        assert_eq!(SentKey::of(&value), None);
        let bytes = HeaderValue::from_bytes(b"\xff").unwrap();
        assert_eq!(SentKey::of(&bytes), None);
    }
}
