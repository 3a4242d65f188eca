//! The JSON document that the example prints.

use std::collections::BTreeSet;

use serde_json::Value;

const DOCUMENT: [&str; 9] = [
    "operation",
    "workload",
    "class",
    "attempts",
    "waits_ms",
    "image",
    "claims",
    "oracle",
    "ledger_matches_oracle",
];

/// The document has these fields and no others; `error` belongs to a failure.
pub(crate) fn assert_shape(document: &Value) {
    assert_fields(document, &DOCUMENT);
    assert_fields(&document["workload"], &["model", "resolution", "images"]);
    let attempt = [
        "number",
        "class",
        "end",
        "phase",
        "status",
        "http_version",
        "elapsed_ms",
        "exposure_micros",
    ];
    each(&document["attempts"], &attempt);
    each(&document["claims"], &["rule", "attempt", "amount_micros"]);
    assert_fields(&document["image"], &["path", "bytes", "width", "height"]);
    let oracle = ["received", "generated", "charged", "delivered"];
    assert_fields(&document["oracle"], &oracle);
}

fn assert_fields(value: &Value, fields: &[&str]) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    let found: BTreeSet<_> = object.keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().copied().collect());
}

fn each(values: &Value, fields: &[&str]) {
    let values = values
        .as_array()
        .unwrap_or_else(|| panic!("no list: {values}"));
    values.iter().for_each(|value| assert_fields(value, fields));
}

pub(crate) fn of_attempts<'a>(document: &'a Value, field: &str) -> Vec<&'a Value> {
    let attempts = document["attempts"].as_array().expect("a list");
    attempts.iter().map(|attempt| &attempt[field]).collect()
}
