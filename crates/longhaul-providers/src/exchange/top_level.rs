//! Reads the fields at the top of a JSON document that lies in pieces.
//!
//! `serde_json` reads from one slice or from an [`io::Read`]. The pieces of a request are no single slice, and joining
//! them would copy it, so [`Pieces`] is the latter. What is read is decided by visitors: the names that are asked for
//! and their plain values are kept, and all else is skipped without being built. The test
//! `the_top_level_is_read_across_pieces_and_nothing_below_it` keeps both.

use std::{collections::VecDeque, fmt, io};

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::request::{Scalar, TopFields};

/// Reads the pieces one after the other.
///
/// It owns clones of the pieces, which share their memory; reading moves their beginnings and leaves the caller's as
/// they were.
pub(super) struct Pieces {
    pub(super) pieces: VecDeque<Bytes>,
}

impl io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.front_mut() {
            if piece.is_empty() {
                self.pieces.pop_front();
                continue;
            }
            let next = piece.split_to(piece.len().min(buffer.len()));
            buffer[..next.len()].copy_from_slice(&next);
            return Ok(next.len());
        }
        Ok(0)
    }
}

/// What an object says under these names.
///
/// Of a name that stands twice the last value counts.
pub(super) struct TopLevel<'n>(pub(super) &'n [&'n str]);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = TopFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TopFields, A::Error> {
        let mut said = TopFields {
            empty: true,
            ..TopFields::default()
        };
        while let Some(name) = map.next_key_seed(OneOf(self.0))? {
            said.empty = false;
            match name {
                Some(name) => {
                    let value = map.next_value_seed(Plain)?;
                    said.fields.insert(name, value);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(said)
    }
}

/// A name, if it is one of these.
///
/// A name that is not asked for is not even copied.
struct OneOf<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for OneOf<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.contains(&name).then(|| name.to_owned()))
    }
}

/// A plain value, or nothing.
///
/// Plain are flags, whole numbers that fit 64 bits with a sign, and texts of at most 64 bytes. No field that a dialect
/// compares is longer, and a prompt must not be kept here.
struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Option<Scalar>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Option<Scalar>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).ok().map(Scalar::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((text.len() <= 64).then(|| Scalar::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
