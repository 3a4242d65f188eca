//! The rows, entries and variants that [`Noting`] reads.

use std::{collections::BTreeMap, vec};

use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::Value as Json;
use toml::{Table, Value, de::Error};

use super::{Noting, Types, merge};

/// What a visitor makes of a table, and the shapes of its values by key.
pub(super) fn entries<'de, V: Visitor<'de>>(
    value: Value,
    types: &Types,
    visitor: V,
) -> Result<(V::Value, BTreeMap<String, Json>), Error> {
    let Value::Table(table) = value else {
        return Err(Error::custom("a table is asked for"));
    };
    let mut met = BTreeMap::new();
    let entries = Entries {
        entries: table.into_iter(),
        value: None,
        met: &mut met,
        types,
    };
    Ok((visitor.visit_map(entries)?, met))
}

struct Entries<'a> {
    entries: <Table as IntoIterator>::IntoIter,
    value: Option<(String, Value)>,
    met: &'a mut BTreeMap<String, Json>,
    types: &'a Types,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key.clone(), value));
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (key, value) = self.value.take().expect("a key comes first");
        let (shape, types) = (self.met.entry(key).or_default(), self.types);
        seed.deserialize(Noting {
            value,
            shape,
            types,
        })
    }
}

pub(super) struct Rows<'a> {
    pub(super) rows: vec::IntoIter<Value>,
    pub(super) shape: &'a mut Json,
    pub(super) types: &'a Types,
}

impl<'de> SeqAccess<'de> for Rows<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(value) = self.rows.next() else {
            return Ok(None);
        };
        let mut shape = Json::Null;
        let types = self.types;
        let read = seed.deserialize(Noting {
            value,
            shape: &mut shape,
            types,
        })?;
        merge(self.shape, shape);
        Ok(Some(read))
    }
}

/// One name of an enum, with what it holds.
pub(super) struct Choice<'a> {
    pub(super) variant: String,
    pub(super) held: Option<Value>,
    pub(super) shape: &'a mut Json,
    pub(super) types: &'a Types,
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant = self.variant.clone().into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.held {
            None => Ok(()),
            Some(_) => Err(Error::custom("it holds nothing")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let value = self.held.ok_or_else(|| Error::custom("it holds a value"))?;
        let (shape, types) = (self.shape, self.types);
        seed.deserialize(Noting {
            value,
            shape,
            types,
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no policy has such a variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom("no policy has such a variant"))
    }
}
