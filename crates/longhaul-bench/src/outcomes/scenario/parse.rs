//! Values of a scenario's file that are written as text: spans, and whatever has a written form of its own.

use std::{borrow::Cow, fmt::Display, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

/// A span such as `"90s"`
pub(super) fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    humantime::parse_duration(&text).map_err(D::Error::custom)
}

/// A span that need not be there
pub(super) fn some_span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    span(from).map(Some)
}

/// Whatever has a written form of its own
pub(super) fn text<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(from)?
        .parse()
        .map_err(D::Error::custom)
}
