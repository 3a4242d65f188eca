//! A deserializer that reads TOML and notes on the way what each type asks serde for.

mod access;

use std::{cell::RefCell, collections::BTreeMap};

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::{Map, Value as Json, json};
use toml::{Value, de::Error};

use self::access::{Choice, Rows, entries};

/// The types with names that were met.
#[derive(Default)]
pub(super) struct Types(RefCell<BTreeMap<&'static str, Type>>);

struct Type {
    /// The keys of a struct, or the names of an enum.
    names: &'static [&'static str],
    is_enum: bool,
    /// What was met of them. The names of an enum that hold nothing are not here.
    met: BTreeMap<String, Json>,
}

impl Types {
    fn note(&self, name: &'static str, new: Type) {
        let mut types = self.0.borrow_mut();
        let known = types.entry(name).or_insert(Type {
            met: BTreeMap::new(),
            ..new
        });
        for (name, shape) in new.met {
            merge(known.met.entry(name).or_default(), shape);
        }
    }

    /// The definitions of a schema, by the types' names.
    ///
    /// Panics for a key of a struct that no sample has.
    pub(super) fn into_json(self) -> Map<String, Json> {
        let object = |names: &[&str], met: &BTreeMap<String, Json>| {
            let shape = |name: &&str| {
                let shape = met
                    .get(*name)
                    .unwrap_or_else(|| panic!("no sample of {name}"));
                ((*name).to_owned(), shape.clone())
            };
            let properties: Map<_, _> = names.iter().map(shape).collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties })
        };
        let define = |(
            name,
            Type {
                names,
                is_enum,
                met,
            },
        ): (&str, Type)| {
            let definition = if is_enum {
                let alone: Vec<_> = names
                    .iter()
                    .filter(|name| !met.contains_key(**name))
                    .collect();
                let mut forms = vec![json!({ "enum": alone })];
                for name in names.iter().filter(|name| met.contains_key(**name)) {
                    let mut form = object(&[*name], &met);
                    form["required"] = json!([name]);
                    forms.push(form);
                }
                json!({ "anyOf": forms })
            } else {
                object(names, &met)
            };
            (name.to_owned(), definition)
        };
        self.0.into_inner().into_iter().map(define).collect()
    }
}

/// Reads a `T` and notes its types.
pub(super) fn note<'de, T: Deserialize<'de>>(value: Value, types: &Types) -> Result<T, Error> {
    let shape = &mut Json::Null;
    T::deserialize(Noting {
        value,
        shape,
        types,
    })
}

/// What was seen before, or `new`.
fn merge(known: &mut Json, new: Json) {
    // A list that is empty in one sample has rows in another.
    let empty = json!({ "type": "array" });
    let is_list = |shape: &Json| shape["type"] == "array";
    if known.is_null() || (*known == empty && is_list(&new)) {
        *known = new;
    } else if !(new.is_null() || *known == new || (new == empty && is_list(known))) {
        let forms = match known.get_mut("anyOf").and_then(Json::as_array_mut) {
            Some(forms) => forms,
            None => {
                *known = json!({ "anyOf": [known.take()] });
                known["anyOf"].as_array_mut().expect("just made")
            }
        };
        if !forms.contains(&new) {
            forms.push(new);
        }
    }
}

struct Noting<'a> {
    value: Value,
    shape: &'a mut Json,
    types: &'a Types,
}

/// What asks for a value of one kind.
macro_rules! kinds {
    ($($method:ident: $shape:tt,)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            merge(self.shape, json!($shape));
            self.value.deserialize_any(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Noting<'_> {
    type Error = Error;

    kinds! {
        deserialize_bool: { "type": "boolean" },
        deserialize_u8: { "type": "integer", "minimum": 0 },
        deserialize_u16: { "type": "integer", "minimum": 0 },
        deserialize_u32: { "type": "integer", "minimum": 0 },
        deserialize_u64: { "type": "integer", "minimum": 0 },
        deserialize_i64: { "type": "integer" },
        deserialize_f64: { "type": "number" },
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.value.as_str().unwrap_or_default();
        // Every key for a duration has one in the samples, and no other text reads as one.
        merge(
            self.shape,
            match humantime::parse_duration(text) {
                Ok(_) => json!({ "type": "string", "pattern": "^[0-9]" }),
                Err(_) => json!({ "type": "string" }),
            },
        );
        self.value.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    /// A value that may be of several kinds: the samples have one of each.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        merge(
            self.shape,
            json!({ "type": match self.value {
                Value::Boolean(_) => "boolean",
                Value::Integer(_) => "integer",
                Value::Float(_) => "number",
                Value::Array(_) => "array",
                Value::Table(_) => "object",
                Value::String(_) | Value::Datetime(_) => "string",
            }}),
        );
        self.value.deserialize_any(visitor)
    }

    /// TOML has no null: what is not there is not written.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::Array(rows) = self.value else {
            return Err(Error::custom("a list is asked for"));
        };
        let (mut shape, rows) = (Json::Null, rows.into_iter());
        let value = visitor.visit_seq(Rows {
            rows,
            shape: &mut shape,
            types: self.types,
        })?;
        let items = if shape.is_null() {
            json!({ "type": "array" })
        } else {
            json!({ "type": "array", "items": shape })
        };
        merge(self.shape, items);
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (value, met) = entries(self.value, self.types, visitor)?;
        let mut shape = Json::Null;
        for (_, met) in met {
            merge(&mut shape, met);
        }
        *self.shape = json!({ "type": "object", "additionalProperties": shape });
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.shape = json!({ "$ref": format!("#/$defs/{name}") });
        let (value, met) = entries(self.value, self.types, visitor)?;
        self.types.note(
            name,
            Type {
                names,
                is_enum: false,
                met,
            },
        );
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.shape = json!({ "$ref": format!("#/$defs/{name}") });
        let (variant, held) = match self.value {
            Value::String(variant) => (variant, None),
            Value::Table(table) if table.len() == 1 => {
                let (variant, held) = table.into_iter().next().expect("one entry");
                (variant, Some(held))
            }
            _ => return Err(Error::custom("a name is asked for, or a table of one")),
        };
        let (mut shape, holds) = (Json::Null, held.is_some());
        let choice = Choice {
            variant: variant.clone(),
            held,
            shape: &mut shape,
            types: self.types,
        };
        let value = visitor.visit_enum(choice)?;
        let met = if holds {
            BTreeMap::from([(variant, shape)])
        } else {
            BTreeMap::new()
        };
        self.types.note(
            name,
            Type {
                names,
                is_enum: true,
                met,
            },
        );
        Ok(value)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
