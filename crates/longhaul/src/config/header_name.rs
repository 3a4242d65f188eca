//! Header names in policy files: `"idempotency-key"`, or `""` for none.
//!
//! The empty text stands for none, since a TOML file has no other word for it: a key that is left out means the default.

use std::borrow::Cow;

use http::HeaderName;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(
    name: &Option<HeaderName>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_ref().map_or("", HeaderName::as_str))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<HeaderName>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| D::Error::custom(format!("{text:?} is not the name of a header")))
}
