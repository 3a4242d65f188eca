//! What is sound here is sound for `serde_json`, and the other way round.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn is_sound(json: &[u8]) -> bool {
    read(json, &Fields::new(&[]), &mut RequestFacts::default())
}

/// By `serde_json`, which does not look at the encoding of what it ignores.
fn serde_json_agrees(json: &[u8]) -> bool {
    let ignored = serde_json::from_slice::<IgnoredAny>(json).is_ok();
    ignored && std::str::from_utf8(json).is_ok() && json.trim_ascii_start().starts_with(b"{")
}

/// Texts of every length that a stride might cut, with something in them at every place.
#[test]
fn a_text_ends_where_it_ends_however_long_it_is() {
    for length in 0..300 {
        for (inside, sound) in [
            ("", true),
            ("\\\"", true),
            ("é", true),
            ("\n", false),
            ("\\x", false),
            ("\0", false),
        ] {
            for at in [0, length / 2, length] {
                let text = "A".repeat(at) + inside + &"A".repeat(length - at);
                let json = format!(r#"{{"a":"{text}","b":[]}}"#);
                assert_eq!(is_sound(json.as_bytes()), sound, "{json}");
                assert!(!is_sound(&json.as_bytes()[..json.len() - 10]), "{json}");
            }
        }
    }
}

#[test]
fn a_character_that_is_cut_makes_it_unsound() {
    let json = "{\"a\":\"a hat for Zoë\"}".as_bytes();
    assert!(is_sound(json));
    let mut cut = json.to_vec();
    let at = json.iter().position(|byte| !byte.is_ascii()).unwrap();
    cut.remove(at + 1);
    assert!(!is_sound(&cut));
}

#[test]
fn brackets_are_checked_however_deep_they_stand() {
    for depth in [60, 64, 127, 128, 129, 1000] {
        for (opens, closes) in [("[", "]"), ("{\"a\":", "}")] {
            let around = |inside: &str| {
                let nest = opens.repeat(depth) + inside + &closes.repeat(depth);
                format!(r#"{{"a":{nest}}}"#)
            };
            for inside in [
                "1",
                "[]",
                r#"{"a":[{}]}"#,
                "",
                "]",
                "}",
                "[}",
                "{1}",
                "1 1",
                r#"{"a"}"#,
            ] {
                let json = around(inside);
                assert_eq!(
                    is_sound(json.as_bytes()),
                    serde_json_agrees(json.as_bytes()),
                    "{inside} in {depth} of {opens}"
                );
            }
        }
    }
}

#[test]
fn no_document_nests_without_end() {
    let deep = |depth: usize| {
        let nest = "[".repeat(depth) + &"]".repeat(depth);
        is_sound(format!(r#"{{"a":{nest}}}"#).as_bytes())
    };
    assert!(deep((1 << 20) - 1));
    assert!(!deep(1 << 20));
}

/// Pieces of JSON, in no sensible order.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "00e9", "\"a\":", "\"a\"", "é", "{}",
        "[]", "0", "01", "1", "-", "+", ".", "e", "E9", "1.5", "-0.0e-1", "true", "false", "null",
        "tru", " ", "\n", "\t", "\u{b}", "/",
    ])
}

proptest! {
    #[test]
    fn soundness_is_serde_json_s(pieces in prop::collection::vec(piece(), 0..20)) {
        let json = pieces.concat();
        prop_assert_eq!(is_sound(json.as_bytes()), serde_json_agrees(json.as_bytes()));
        let inside = format!(r#"{{"a":{json}}}"#);
        prop_assert_eq!(is_sound(inside.as_bytes()), serde_json_agrees(inside.as_bytes()), "{}", inside);
    }

    #[test]
    fn what_serde_json_writes_is_sound(text in any::<String>(), number in any::<f64>(), nested in any::<Vec<u64>>()) {
        let json = serde_json::json!({ "a": text, "b": [number, { &text: nested }] }).to_string();
        prop_assert!(is_sound(json.as_bytes()));
    }

    #[test]
    fn bytes_that_are_no_json_are_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(is_sound(&bytes), serde_json_agrees(&bytes));
    }
}
