//! The file `policy.toml` beside the manifest: every key, with its default.
//!
//! The tests in here keep the file true: every key that a policy reads stands in it, every default in it is the default in
//! the code, and its examples can be used as they are.

use std::collections::BTreeSet;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value::Error};
use toml::{Table, Value};

use super::Policy;
use crate::{
    billing::{BillingPolicy, ChargeRule, ClaimRules, PriceRow},
    classify::ClassifyPolicy,
    detect::DetectPolicy,
    fallback::{BreakerPolicy, FallbackPolicy, Resolutions, Target},
    http1::Http1Policy,
    in_flight::InFlightPolicy,
    model::PerResolution,
    retry::{KeyRow, MoneyBudget, RetryPolicy, Schedule},
    timeout::{NetworkTimeouts, TimeoutPolicy},
};

pub(super) const FILE: &str = include_str!("../../policy.toml");

/// The file with its examples: what has no default, and stands behind a `#` without a space.
pub(super) fn with_examples() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with([' ', '#', ':']) => example,
        _ => line,
    };
    let lines: Vec<_> = FILE.lines().map(line).collect();
    lines.join("\n")
}

#[test]
fn the_policy_file_is_the_default_policy() {
    assert_eq!(Policy::from_toml(FILE).unwrap(), Policy::default());
}

#[test]
fn the_policy_files_examples_can_be_used() {
    let policy = Policy::from_toml(&with_examples()).unwrap();
    assert_eq!(policy.fallback.targets.len(), 2);
    assert_eq!(policy.billing.prices.len(), 1);
    assert_eq!(policy.billing.charge_rules.len(), 1);
}

#[test]
fn the_policy_file_names_every_key() {
    let file: Table = with_examples().parse().unwrap();
    for (path, read) in [
        ("", keys::<Policy>()),
        ("detect", keys::<DetectPolicy>()),
        ("fallback", keys::<FallbackPolicy>()),
        ("fallback.breaker", keys::<BreakerPolicy>()),
        ("fallback.targets", keys::<Target>()),
        ("fallback.targets.resolutions", keys::<Resolutions>()),
        ("retry", keys::<RetryPolicy>()),
        ("retry.budget", keys::<MoneyBudget>()),
        ("retry.deadline", keys::<PerResolution>()),
        ("retry.schedule", keys::<Schedule>()),
        ("in_flight", keys::<InFlightPolicy>()),
        ("classify", keys::<ClassifyPolicy>()),
        ("timeout", keys::<TimeoutPolicy>()),
        ("timeout.picture", keys::<PerResolution>()),
        ("timeout.network_picture", keys::<NetworkTimeouts>()),
        ("http1", keys::<Http1Policy>()),
        ("billing", keys::<BillingPolicy>()),
        ("billing.prices", keys::<PriceRow>()),
        ("billing.charge_rules", keys::<ChargeRule>()),
        ("billing.claims", keys::<ClaimRules>()),
    ] {
        assert_eq!(named(&file, path), read, "[{path}]");
    }
}

/// Rows whose lists are empty in the file stand in its comments.
#[test]
fn the_policy_files_comments_name_the_keys_of_rows() {
    for (list, read) in [("keys = []", keys::<KeyRow>())] {
        let line = FILE.lines().find(|line| line.starts_with(list)).unwrap();
        for key in read {
            assert!(line.contains(&format!("{key} = ")), "{key}: {line}");
        }
    }
}

/// Whatever a policy writes is in the file too.
#[test]
fn the_policy_file_has_each_key_that_is_written() {
    fn compare(path: &str, written: &Table, file: &Table) {
        for (key, value) in written {
            let path = format!("{path}.{key}");
            let in_file = file.get(key).unwrap_or_else(|| panic!("{path} is missing"));
            if let (Value::Table(written), Value::Table(file)) = (value, in_file) {
                compare(&path, written, file);
            }
        }
    }
    let file: Table = with_examples().parse().unwrap();
    let written = Policy::default().to_toml().unwrap().parse().unwrap();
    compare("policy", &written, &file);
}

/// The keys of the table at `path`; of a list of tables, those of all its rows.
fn named(table: &Table, path: &str) -> BTreeSet<String> {
    let Some((step, rest)) = path
        .split_once('.')
        .or(Some((path, "")))
        .filter(|(step, _)| !step.is_empty())
    else {
        return table.keys().cloned().collect();
    };
    match &table[step] {
        Value::Table(inner) => named(inner, rest),
        Value::Array(rows) => rows
            .iter()
            .filter_map(Value::as_table)
            .filter(|row| {
                rest.split('.')
                    .next()
                    .is_none_or(|it| it.is_empty() || row.contains_key(it))
            })
            .flat_map(|row| named(row, rest))
            .collect(),
        other => panic!("`{step}` is {other:?}, and no table"),
    }
}

/// The keys that a table is read by, as its type tells serde.
fn keys<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let mut keys: &[&str] = &[];
    assert!(T::deserialize(Told(&mut keys)).is_err(), "it has no value");
    assert!(!keys.is_empty(), "it is no table");
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// Notes the fields that are asked for, and gives none.
struct Told<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Told<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only its fields are asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it is no table"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}
