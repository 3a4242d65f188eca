//! Whether a value is as a schema says, for the words that our schema uses. Panics for any other.

use serde_json::{Map, Value as Json};

pub(super) fn is_valid(schema: &Json, types: &Map<String, Json>, value: &Json) -> bool {
    let Some(words) = schema.as_object() else {
        return schema.as_bool().expect("a schema");
    };
    words.iter().all(|(word, said)| match word.as_str() {
        "$schema" | "$defs" | "title" | "description" | "default" => true,
        "$ref" => {
            let name = said.as_str().and_then(|said| said.strip_prefix("#/$defs/"));
            is_valid(&types[name.expect("a type")], types, value)
        }
        "anyOf" => list(said).iter().any(|form| is_valid(form, types, value)),
        "enum" => list(said).contains(value),
        "type" => match said.as_str().expect("a type") {
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other}"),
        },
        "minimum" => value.as_f64() >= said.as_f64(),
        "pattern" => {
            assert_eq!(said, "^[0-9]");
            let first = value.as_str().and_then(|text| text.chars().next());
            first.is_some_and(|first| first.is_ascii_digit())
        }
        "items" => list(value).iter().all(|row| is_valid(said, types, row)),
        "required" => {
            let has = |name: &Json| value.get(name.as_str().expect("a key")).is_some();
            list(said).iter().all(has)
        }
        "properties" => {
            let known = said.as_object().expect("properties");
            let entries = value.as_object().into_iter().flatten();
            let mut entries = entries.filter_map(|(key, value)| Some((known.get(key)?, value)));
            entries.all(|(schema, value)| is_valid(schema, types, value))
        }
        "additionalProperties" => {
            let known = words.get("properties").and_then(Json::as_object);
            let is_known = |key: &String| known.is_some_and(|known| known.contains_key(key));
            let entries = value.as_object().into_iter().flatten();
            let mut others = entries.filter(|(key, _)| !is_known(key));
            others.all(|(_, value)| is_valid(said, types, value))
        }
        other => panic!("{other}"),
    })
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}
