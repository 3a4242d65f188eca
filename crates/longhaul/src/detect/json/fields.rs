//! The fields that are looked for, and the keys that lead to them.

use super::super::facts::{RequestFacts, RequestValue, possible_size};

/// A field: the keys that lead to it, in camelCase, and what its value says.
///
/// Lists on the way, and at its end, count for each of their elements. A key may also be spelled in snake_case, as
/// protobuf's JSON allows.
pub(in super::super) struct Field {
    path: &'static [&'static str],
    take: fn(&mut RequestFacts, RequestValue<'_>),
}

/// How a key is spelled that leads to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Spelling {
    /// As documented.
    Known,
    /// With letters in another case: some servers read it, some do not.
    Odd,
}

impl Field {
    pub(in super::super) const fn new(
        path: &'static [&'static str],
        take: fn(&mut RequestFacts, RequestValue<'_>),
    ) -> Self {
        Self { path, take }
    }

    /// Whether `key` is the one that leads on at this depth, and how it is spelled.
    #[inline]
    pub(in super::super) fn spelling(&self, depth: usize, key: &[u8]) -> Option<Spelling> {
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
    pub(in super::super) const fn ends_at(&self, depth: usize) -> bool {
        self.path.len() == depth
    }

    /// Takes what `value` says.
    pub(in super::super) fn take(
        &self,
        facts: &mut RequestFacts,
        value: RequestValue<'_>,
        spelling: Spelling,
    ) {
        match spelling {
            Spelling::Known => (self.take)(facts, value),
            Spelling::Odd => possible_size(facts, value),
        }
    }
}

/// The fields of a dialect.
pub(in super::super) struct Fields {
    pub(super) all: &'static [Field],
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
    pub(in super::super) const fn new(all: &'static [Field]) -> Self {
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
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.all.iter()
    }

    /// Those of `live` that `key` may lead on to at this depth: by its initial, unless that is an underscore,
    /// which nobody counts.
    pub(super) fn candidates(&self, depth: usize, live: Mask, key: &[u8]) -> Mask {
        match self.by_initial.get(depth) {
            Some(by_initial) if key.first() != Some(&b'_') => {
                Mask(live.0 & by_initial[initial(key)].0)
            }
            _ => live,
        }
    }
}

/// A set of fields, by their place in the table.
#[derive(Clone, Copy, Default)]
pub(super) struct Mask(pub(super) u32);

impl Mask {
    pub(super) fn all(fields: usize) -> Self {
        (0..fields).fold(Self::default(), Self::with)
    }

    pub(super) const fn with(self, field: usize) -> Self {
        assert!(field < 32, "a dialect has too many fields for its mask");
        Self(self.0 | 1 << field)
    }

    /// The places of its fields.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(next as usize)
        })
    }

    pub(super) const fn has(self, field: usize) -> bool {
        self.0 >> field & 1 == 1
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
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
