//! The fields that are looked for, and the keys that lead to them.

use super::super::{
    facts::{RequestFacts, possible_size},
    value::RequestValue,
};

/// A field: the keys that lead to it, in camelCase, and what its value says.
///
/// Lists on the way, and at its end, count for each of their elements. A key may also be spelled in snake_case, as
/// protobuf's JSON allows.
pub(in super::super) struct Field {
    path: &'static [&'static str],
    take: fn(&mut RequestFacts, RequestValue<'_>),
}

/// How a key is spelled that leads to a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
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
    pub(in super::super) fn spelling(&self, depth: usize, key: &[u8]) -> Option<Spelling> {
        let name = self.path.get(depth)?.as_bytes();
        if key == name {
            Some(Spelling::Known)
        } else if !letters(key).eq(letters(name)) {
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
pub(in super::super) struct Fields(&'static [Field]);

impl Fields {
    pub(in super::super) const fn new(all: &'static [Field]) -> Self {
        Self(all)
    }

    /// One after the other.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &'static Field> {
        self.0.iter()
    }
}

/// Without case and underscores: as lenient as any server is with its keys.
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
