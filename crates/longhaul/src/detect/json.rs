//! Finds fields in JSON without copying it and without building a tree.
//!
//! What no field's path leads to is skipped: a reference image of 20 MB costs its scan and no memory. A text
//! in a field is seen where it lies; `serde_json` copies it, for that moment, only if it has escapes in it.

use std::{fmt, str};

use serde_core::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::facts::{Facts, Value, possible_size};

/// A field: the keys that lead to it, in camelCase, and what its value says.
///
/// Lists on the way, and at its end, count for each of their elements. A key may also be spelled in snake_case, as
/// protobuf's JSON allows.
pub(super) struct Field {
    path: &'static [&'static str],
    take: fn(&mut Facts, Value<'_>),
}

/// How a key is spelled that leads to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spelling {
    /// As documented.
    Known,
    /// With letters in another case: some servers read it, some do not.
    Odd,
}

impl Field {
    pub(super) const fn new(
        path: &'static [&'static str],
        take: fn(&mut Facts, Value<'_>),
    ) -> Self {
        Self { path, take }
    }

    /// Whether `key` is the one that leads on at this depth, and how it is spelled.
    pub(super) fn spelling(&self, depth: usize, key: &str) -> Option<Spelling> {
        let name = self.path.get(depth)?;
        if !same_letters(key, name) {
            None
        } else if key == *name || is_snake_case_of(key, name) {
            Some(Spelling::Known)
        } else {
            Some(Spelling::Odd)
        }
    }

    /// Whether this many keys lead to it.
    pub(super) const fn ends_at(&self, depth: usize) -> bool {
        self.path.len() == depth
    }

    /// Takes what `value` says.
    pub(super) fn take(&self, facts: &mut Facts, value: Value<'_>, spelling: Spelling) {
        match spelling {
            Spelling::Known => (self.take)(facts, value),
            Spelling::Odd => possible_size(facts, value),
        }
    }
}

/// Reads what `fields` find in `json` into `facts`; `true` if it is one whole, sound object.
///
/// What was found before something unsound stays found.
pub(super) fn read(json: &[u8], fields: &[Field], facts: &mut Facts) -> bool {
    // `IgnoredAny` does not look into strings, so the encoding is checked here, at memory speed.
    let (text, is_text) = match str::from_utf8(json) {
        Ok(text) => (text, true),
        Err(error) => {
            let sound = str::from_utf8(&json[..error.valid_up_to()]);
            (sound.unwrap_or_default(), false)
        }
    };
    let walk = Walk {
        fields,
        depth: 0,
        live: Mask::all(fields.len()),
        respelled: Mask::default(),
        facts,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // A map and nothing else: the lists that a walk lets pass are inside.
    let walked = (&mut deserializer).deserialize_map(walk);
    is_text && walked.is_ok() && deserializer.end().is_ok()
}

/// A set of fields, by their place in the table.
#[derive(Clone, Copy, Default)]
struct Mask(u32);

impl Mask {
    fn all(fields: usize) -> Self {
        (0..fields).fold(Self::default(), Self::with)
    }

    fn with(self, field: usize) -> Self {
        debug_assert!(field < 32, "a dialect has too many fields for its mask");
        Self(self.0 | 1 << field)
    }

    const fn has(self, field: usize) -> bool {
        self.0 >> field & 1 == 1
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Walks one value, which the first `depth` keys of all `live` fields lead to.
struct Walk<'a> {
    fields: &'a [Field],
    depth: usize,
    live: Mask,
    /// Those whose keys were not spelled as they should be: some servers read them, some do not.
    respelled: Mask,
    facts: &'a mut Facts,
}

impl Walk<'_> {
    /// Gives `value` to the fields that end here; returned are those that lead deeper.
    fn take(&mut self, value: Value<'_>) -> Mask {
        let mut deeper = Mask::default();
        for (at, field) in self.fields.iter().enumerate() {
            if !self.live.has(at) {
                continue;
            }
            if !field.ends_at(self.depth) {
                deeper = deeper.with(at);
                continue;
            }
            let spelling = if self.respelled.has(at) {
                Spelling::Odd
            } else {
                Spelling::Known
            };
            field.take(self.facts, value, spelling);
        }
        deeper
    }

    fn scalar<E>(mut self, value: Value<'_>) -> Result<(), E> {
        self.take(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let live = self.take(Value::Other);
        let key = Key {
            fields: self.fields,
            depth: self.depth,
            live,
        };
        while let Some((live, respelled)) = map.next_key_seed(key)? {
            if live.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Walk {
                    fields: self.fields,
                    depth: self.depth + 1,
                    live,
                    respelled: Mask(self.respelled.0 & live.0 | respelled.0),
                    facts: self.facts,
                })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.take(Value::List);
        while list
            .next_element_seed(Walk {
                fields: self.fields,
                depth: self.depth,
                live: self.live,
                respelled: self.respelled,
                facts: self.facts,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.scalar(Value::Text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.scalar(Value::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.scalar(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.scalar(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.scalar(Value::Other)
    }

    /// `null` says as much as nothing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads one key: the fields it leads on to, and those among them for which it is oddly spelled.
#[derive(Clone, Copy)]
struct Key<'a> {
    fields: &'a [Field],
    depth: usize,
    live: Mask,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = (Mask, Mask);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = (Mask, Mask);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let mut led = (Mask::default(), Mask::default());
        for (at, field) in self.fields.iter().enumerate() {
            if !self.live.has(at) {
                continue;
            }
            if let Some(spelling) = field.spelling(self.depth, key) {
                led.0 = led.0.with(at);
                if spelling == Spelling::Odd {
                    led.1 = led.1.with(at);
                }
            }
        }
        Ok(led)
    }
}

/// Whether both are the same but for case and underscores: as loose as any server is with its keys.
fn same_letters(key: &str, name: &str) -> bool {
    letters(key).eq(letters(name))
}

fn letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes()
        .filter(|b| *b != b'_')
        .map(|b| b.to_ascii_lowercase())
}

/// Whether `key`, the same letters as `name`, has its words apart.
fn is_snake_case_of(key: &str, name: &str) -> bool {
    let mut key = key.bytes();
    name.bytes().all(|b| {
        (!b.is_ascii_uppercase() || key.next() == Some(b'_'))
            && key.next() == Some(b.to_ascii_lowercase())
    }) && key.next().is_none()
}
