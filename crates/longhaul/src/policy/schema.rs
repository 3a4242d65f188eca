//! The file `policy.schema.json` beside the manifest: what a policy file may hold, as the parser itself tells.
//!
//! Policies in which every key stands are read by a deserializer that notes what each type asks serde for. Descriptions are
//! the comments of `policy.toml`, defaults those of `Policy::default()`. After a change of the keys, write it anew:
//!
//! ```sh
//! UPDATE_SCHEMA=1 cargo test -p longhaul --features toml policy_schema
//! ```
//!
//! The schema is made from what the parser does and not written by hand: a test reads each variant of each policy with both,
//! and any difference between them fails it.

mod noting;
mod valid;

use std::{collections::BTreeMap, env, fs};

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use self::{
    noting::{Types, note},
    valid::is_valid,
};
use super::{
    Policy,
    every_key::{FILE, with_examples},
};

const SCHEMA: &str = include_str!("../../policy.schema.json");

/// What the examples in `policy.toml` leave out: a row of each list that is empty there, and one of each form of a value that
/// holds another.
const MORE: [&str; 3] = [
    "[retry]\nkeys = [{ host = '*.example.com', form = 'bare' }]
     [retry.schedule]\nafter_timeout = { exponential = '5s' }\nafter_error = { linear = '5s' }\nunsent = { full-jitter = '5s' }
     [fallback]\nallow_duplicate = ['NoImage']
     [http1]\nhosts = { only = ['a.example'] }\nkey_parameters = ['k']",
    "[http1]\nhosts = { except = ['a.example'] }
     [[fallback.targets]]\nname = 'a'\nurl = 'https://a.example'\nset = { a = 1, b = 'd' }
     sizes = { pixels = { min = 1, max = 2, multiple_of = 1 } }\nkey = { same = ['a.example'] }",
    "[retry.schedule]\nafter_timeout = { fixed = '5s' }",
];

fn samples() -> Vec<Value> {
    let texts = [with_examples()].into_iter();
    let texts = texts.chain(MORE.map(str::to_owned));
    let table = |text: String| Value::Table(text.parse().expect("TOML"));
    texts.map(table).collect()
}

fn is_read(policy: &Value) -> bool {
    Policy::deserialize(policy.clone()).is_ok()
}

/// The schema, made anew.
fn schema() -> Json {
    let types = Types::default();
    for sample in samples() {
        let read: Result<Policy, _> = note(sample, &types);
        read.expect("a policy");
    }
    let mut types = types.into_json();
    let mut missing = BTreeMap::<String, Vec<String>>::new();
    for sample in samples() {
        for place in places(&types, &sample) {
            for key in place.table.keys() {
                let mut without = sample.clone();
                table_at(&mut without, &place.path).remove(key);
                let required = missing.entry(place.name.clone()).or_default();
                if !is_read(&without) && !required.contains(key) {
                    required.push(key.clone());
                }
            }
        }
    }
    for (name, required) in missing {
        if !required.is_empty() {
            types[&name]["required"] = required.into();
        }
    }
    describe(&mut types);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of longhaul",
        "description": "Read by Policy::from_toml. Every key is explained in policy.toml.",
        "$ref": "#/$defs/Policy",
        "$defs": types,
    })
}

/// A table of a policy whose keys are the fields of the type `name`.
struct Place {
    name: String,
    path: Vec<String>,
    table: Table,
}

/// All of them in `policy`. An index is a step of the path, too.
fn places(types: &Map<String, Json>, policy: &Value) -> Vec<Place> {
    fn walk(
        types: &Map<String, Json>,
        shape: &Json,
        value: &Value,
        path: Vec<String>,
        found: &mut Vec<Place>,
    ) {
        let below = |step: &str| [path.clone(), vec![step.to_owned()]].concat();
        let name = name_of(shape);
        let shape = name.map_or(shape, |name| &types[name]);
        match value {
            Value::Array(rows) => {
                for (index, row) in rows.iter().enumerate() {
                    walk(
                        types,
                        &shape["items"],
                        row,
                        below(&index.to_string()),
                        found,
                    );
                }
            }
            Value::Table(table) => {
                let forms = shape["anyOf"].as_array().into_iter().flatten();
                for (key, value) in table {
                    let shapes = forms.clone().chain([shape]);
                    let mut shapes = shapes.filter_map(|shape| shape["properties"].get(key));
                    if let Some(shape) = shapes.next() {
                        walk(types, shape, value, below(key), found);
                    }
                }
                if let Some(name) = name.filter(|_| shape.get("properties").is_some()) {
                    let (name, table) = (name.to_owned(), table.clone());
                    found.push(Place { name, path, table });
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    let root = json!({ "$ref": "#/$defs/Policy" });
    walk(types, &root, policy, Vec::new(), &mut found);
    found
}

/// The type that a shape refers to.
fn name_of(shape: &Json) -> Option<&str> {
    shape.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn table_at<'a>(policy: &'a mut Value, path: &[String]) -> &'a mut Table {
    let found = path.iter().fold(policy, |value, step| match value {
        Value::Array(rows) => &mut rows[step.parse::<usize>().expect("an index")],
        table => &mut table[step.as_str()],
    });
    found.as_table_mut().expect("a table")
}

/// Comments and defaults, at the keys that they belong to.
fn describe(types: &mut Map<String, Json>) {
    let default = toml::Value::try_from(Policy::default()).expect("a policy");
    let (mut table, mut before) = (String::new(), Vec::new());
    for line in with_examples().lines() {
        let text = line.trim();
        if let Some(comment) = text.strip_prefix('#') {
            before.push(comment.trim_matches(['-', ' ']).to_owned());
        } else if let Some(name) = text.strip_prefix('[') {
            table = name.split(']').next().unwrap_or(name).replace('[', "");
            note_at(types, &table, "description", before.join(" "));
            before.clear();
        } else if let Some((key, rest)) = text.split_once(" = ") {
            before.extend(
                rest.split_once(" # ")
                    .map(|(_, comment)| comment.trim().to_owned()),
            );
            let path = format!("{table}.{key}");
            note_at(types, &path, "description", before.join(" "));
            let mut steps = path.split('.');
            let value = steps.try_fold(&default, |value, step| value.get(step));
            if let Some(value) = value.filter(|value| !value.is_table() || name_is_simple(value)) {
                let value = serde_json::to_value(value).expect("JSON");
                note_at(types, &path, "default", value);
            }
            before.clear();
        } else {
            before.clear();
        }
    }
}

/// A value in one line, such as `{ linear = "5s" }`.
fn name_is_simple(value: &Value) -> bool {
    value
        .as_table()
        .is_some_and(|table| table.values().all(|value| !value.is_table()))
}

/// Adds it to what stands at `path`, if anything does.
fn note_at(types: &mut Map<String, Json>, path: &str, what: &str, value: impl Into<Json>) {
    let value = value.into();
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut name = "Policy".to_owned();
    for step in table.split('.').filter(|step| !step.is_empty()) {
        let shape = &types[&name]["properties"][step];
        let shape = shape.get("items").unwrap_or(shape);
        name = name_of(shape).expect("a type").to_owned();
    }
    let shape = &mut types[&name]["properties"][key];
    if value != "" && shape.is_object() && shape.get(what).is_none() {
        shape[what] = value;
    }
}

#[test]
fn the_policy_schema_is_what_the_parser_reads() {
    let made = schema();
    if env::var_os("UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&made).expect("JSON") + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policy.schema.json");
        fs::write(path, text).expect("a file of ours");
        return;
    }
    let kept: Json = serde_json::from_str(SCHEMA).expect("JSON");
    assert!(
        made == kept,
        "write policy.schema.json anew, with UPDATE_SCHEMA=1: {made:#}"
    );
}

/// Whatever is done to a policy file, schema and parser say the same of it.
#[test]
fn the_policy_schema_takes_what_the_parser_takes() {
    let schema = schema();
    let types = schema["$defs"].as_object().expect("types");
    let agree = |policy: &Value, what: &str| {
        let json = serde_json::to_value(policy).expect("JSON");
        let (valid, read) = (is_valid(&schema, types, &json), is_read(policy));
        assert_eq!(
            valid, read,
            "schema and parser differ about {what}: {json:#}"
        );
        read
    };
    let file: Table = FILE.parse().expect("TOML");
    assert!(agree(&Value::Table(file), "policy.toml"));
    for sample in samples() {
        assert!(agree(&sample, "a sample"));
        for Place { name, path, table } in places(types, &sample) {
            let with = |key: &str, value: Option<Value>| {
                let mut changed = sample.clone();
                let table = table_at(&mut changed, &path);
                match value.clone() {
                    Some(value) => table.insert(key.to_owned(), value),
                    None => table.remove(key),
                };
                agree(&changed, &format!("{path:?}.{key} = {value:?}"))
            };
            assert!(!with("unheard_of", Some(Value::Integer(1))));
            for key in table.keys() {
                with(key, None);
                let shape = &types[&name]["properties"][key];
                let shape = name_of(shape).map_or(shape, |name| &types[name]);
                for other in [
                    Value::Boolean(true),
                    Value::Integer(-1),
                    Value::Integer(7),
                    Value::Float(1.5),
                    Value::Array(Vec::new()),
                    Value::Table(Table::new()),
                ] {
                    // Serde also reads a table from a list of its values.
                    if !(other.is_array() && shape.get("properties").is_some()) {
                        with(key, Some(other));
                    }
                }
                let names = shape["anyOf"].as_array();
                let names = names
                    .into_iter()
                    .flatten()
                    .filter_map(|form| form["enum"].as_array());
                for name in names.flatten().filter_map(Json::as_str) {
                    assert!(with(key, Some(name.into())), "{name}");
                }
            }
        }
    }
}
