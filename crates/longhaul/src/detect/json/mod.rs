//! Finds fields in JSON without copying it and without building a tree.
//!
//! What no field's path leads to is skipped: a reference image of 20 MB costs one look at it and no memory. A text in a
//! field is seen where it lies; it is copied, for that moment, only if it has escapes in it.

mod reader;
#[cfg(test)]
mod tests;

use self::reader::{Malformed, Reader};
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
    #[inline]
    pub(super) fn spelling(&self, depth: usize, key: &[u8]) -> Option<Spelling> {
        let name = self.path.get(depth)?.as_bytes();
        if key == name {
            Some(Spelling::Known)
        } else if key.len() < name.len() || !same_letters(key, name) {
            None
        } else if is_snake_case_of(key, name) {
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

/// The fields of a dialect.
pub(super) struct Fields {
    all: &'static [Field],
    /// By depth and by a key's initial: those that the key may lead on to. Nearly all keys are none of a field's.
    by_initial: [[Mask; INITIALS]; LONGEST_PATH],
}

/// So many keys lead to a field at most.
const LONGEST_PATH: usize = 4;

/// Letters by their place in the alphabet, in upper and lower case; what else there is falls among them.
const INITIALS: usize = 32;

const fn initial(name: &[u8]) -> usize {
    match name.first() {
        Some(first) => *first as usize % INITIALS,
        None => 0,
    }
}

impl Fields {
    pub(super) const fn new(all: &'static [Field]) -> Self {
        let mut by_initial = [[Mask(0); INITIALS]; LONGEST_PATH];
        let mut at = 0;
        while at < all.len() {
            let path = all[at].path;
            let mut depth = 0;
            while depth < path.len() {
                let mask = &mut by_initial[depth][initial(path[depth].as_bytes())];
                *mask = mask.with(at);
                depth += 1;
            }
            at += 1;
        }
        Self { all, by_initial }
    }

    /// One after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.all.iter()
    }

    /// Those of `live` that `key` may lead on to at this depth: by its initial, unless that is an underscore,
    /// which nobody counts.
    fn candidates(&self, depth: usize, live: Mask, key: &[u8]) -> Mask {
        match self.by_initial.get(depth) {
            Some(by_initial) if key.first() != Some(&b'_') => {
                Mask(live.0 & by_initial[initial(key)].0)
            }
            _ => live,
        }
    }
}

/// Reads what `fields` find in `json` into `facts`; `true` if it is one whole, sound object.
///
/// What was found before something unsound stays found.
pub(super) fn read(json: &[u8], fields: &Fields, facts: &mut Facts) -> bool {
    let mut walk = Walk {
        reader: Reader::new(json),
        fields,
        facts,
    };
    walk.document().is_ok()
}

/// Whatever is longer is an image or a prompt, and no second look is taken at what it says.
const LONGEST_TEXT: usize = 512;

/// As deep as `serde_json` nests. What is skipped may be nested deeper.
const DEEPEST: usize = 127;

/// A set of fields, by their place in the table.
#[derive(Clone, Copy, Default)]
struct Mask(u32);

impl Mask {
    fn all(fields: usize) -> Self {
        (0..fields).fold(Self::default(), Self::with)
    }

    const fn with(self, field: usize) -> Self {
        assert!(field < 32, "a dialect has too many fields for its mask");
        Self(self.0 | 1 << field)
    }

    /// The places of its fields.
    fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(next as usize)
        })
    }

    const fn has(self, field: usize) -> bool {
        self.0 >> field & 1 == 1
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Walks through a document.
struct Walk<'a, 'j> {
    reader: Reader<'j>,
    fields: &'a Fields,
    facts: &'a mut Facts,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    /// So many keys lead to it,
    depth: usize,
    /// which are the first of the paths of these fields.
    live: Mask,
    /// Those whose keys were not spelled as they should be: some servers read them, some do not.
    respelled: Mask,
    /// So many brackets are around it.
    nested: usize,
}

impl Place {
    /// Inside of a further bracket.
    fn inside(self) -> Result<Self, Malformed> {
        let nested = self.nested + 1;
        if nested > DEEPEST {
            return Err(Malformed);
        }
        Ok(Self { nested, ..self })
    }
}

impl Walk<'_, '_> {
    fn document(&mut self) -> Result<(), Malformed> {
        let root = Place {
            depth: 0,
            live: Mask::all(self.fields.all.len()),
            respelled: Mask::default(),
            nested: 0,
        };
        // An object and nothing else: the lists that a walk lets pass are inside.
        self.object(root)?;
        self.reader.end()
    }

    fn value(&mut self, place: Place) -> Result<(), Malformed> {
        match self.reader.peek()? {
            b'{' => self.object(place)?,
            b'[' => self.list(place)?,
            b'"' => {
                let text = self.reader.text()?;
                if text.len() > LONGEST_TEXT {
                    self.take(place, Value::Other);
                } else {
                    self.take(place, Value::Text(&text.read()?));
                }
            }
            // `null` says as much as nothing.
            b'n' => self.reader.word("null")?,
            b't' => {
                self.reader.word("true")?;
                self.take(place, Value::Bool(true));
            }
            b'f' => {
                self.reader.word("false")?;
                self.take(place, Value::Bool(false));
            }
            _ => {
                let number = value_of(self.reader.number()?)?;
                self.take(place, number);
            }
        }
        Ok(())
    }

    fn object(&mut self, place: Place) -> Result<(), Malformed> {
        let mut more = self.reader.open(b'{', b'}')?;
        let inside = place.inside()?;
        let live = self.take(place, Value::Other);
        while more {
            let key = self.reader.key()?.bytes()?;
            let (led, odd) = self.led_on(place.depth, live, &key);
            if led.is_empty() {
                self.reader.skip()?;
            } else {
                self.value(Place {
                    depth: place.depth + 1,
                    live: led,
                    respelled: Mask(place.respelled.0 & led.0 | odd.0),
                    ..inside
                })?;
            }
            more = self.reader.more(b'}')?;
        }
        Ok(())
    }

    fn list(&mut self, place: Place) -> Result<(), Malformed> {
        let mut more = self.reader.open(b'[', b']')?;
        let inside = place.inside()?;
        self.take(place, Value::List);
        while more {
            self.value(inside)?;
            more = self.reader.more(b']')?;
        }
        Ok(())
    }

    /// Gives `value` to the fields that end here; returned are those that lead deeper.
    fn take(&mut self, place: Place, value: Value<'_>) -> Mask {
        let mut deeper = Mask::default();
        for at in place.live.iter() {
            let field = &self.fields.all[at];
            if !field.ends_at(place.depth) {
                deeper = deeper.with(at);
                continue;
            }
            let spelling = if place.respelled.has(at) {
                Spelling::Odd
            } else {
                Spelling::Known
            };
            field.take(self.facts, value, spelling);
        }
        deeper
    }

    /// The fields that a key leads on to, and those among them for which it is oddly spelled.
    fn led_on(&self, depth: usize, live: Mask, key: &[u8]) -> (Mask, Mask) {
        let mut led = (Mask::default(), Mask::default());
        for at in self.fields.candidates(depth, live, key).iter() {
            if let Some(spelling) = self.fields.all[at].spelling(depth, key) {
                led.0 = led.0.with(at);
                if spelling == Spelling::Odd {
                    led.1 = led.1.with(at);
                }
            }
        }
        led
    }
}

/// What a number says; unsound if no server could hold it.
fn value_of(number: &str) -> Result<Value<'static>, Malformed> {
    if let Ok(count) = number.parse() {
        return Ok(Value::Number(count));
    }
    let is_finite = number.parse::<f64>().is_ok_and(f64::is_finite);
    if is_finite {
        Ok(Value::Other)
    } else {
        Err(Malformed)
    }
}

/// Whether both are the same but for case and underscores: as root_error as any server is with its keys.
fn same_letters(key: &[u8], name: &[u8]) -> bool {
    letters(key).eq(letters(name))
}

fn letters(key: &[u8]) -> impl Iterator<Item = u8> {
    key.iter()
        .filter(|b| **b != b'_')
        .map(u8::to_ascii_lowercase)
}

/// Whether `key`, the same letters as `name`, has its words apart.
fn is_snake_case_of(key: &[u8], name: &[u8]) -> bool {
    let mut key = key.iter();
    name.iter().all(|b| {
        (!b.is_ascii_uppercase() || key.next() == Some(&b'_'))
            && key.next() == Some(&b.to_ascii_lowercase())
    }) && key.next().is_none()
}
