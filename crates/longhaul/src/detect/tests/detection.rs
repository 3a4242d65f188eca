//! What is read from a request: the cases of `cases.tsv`, and what holds for every request.

use std::collections::HashSet;

use http::{
    Request,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::{Builder, Parts},
};
use proptest::prelude::*;

use crate::{
    detect::dialect,
    workload::{Resolution, Workload},
};

const OPENAI: &str = "/v1/images/generations";
const GEMINI: &str = "/v1beta/models/gemini-3-pro-image:generateContent";

/// A row of `cases.tsv`.
struct Case {
    name: &'static str,
    path: &'static str,
    body: &'static str,
    asks_for: String,
}

fn cases() -> impl Iterator<Item = Case> {
    include_str!("../cases.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [name, path, body, asks_for @ .., source] = &*columns else {
                panic!("too few columns: {line}");
            };
            assert!(!source.is_empty(), "no source: {line}");
            Case {
                name,
                path,
                body,
                asks_for: asks_for.join(" "),
            }
        })
}

/// As the columns of the table write it.
fn written(workload: &Workload) -> String {
    let Workload {
        model,
        resolution,
        images,
        references,
        recognised,
    } = workload;
    let model = model.as_deref().unwrap_or("-");
    let recognised = if *recognised { "yes" } else { "no" };
    format!("{resolution} {model} {images} {references} {recognised}")
}

fn head(request: Builder) -> Parts {
    request.body(()).expect("a sound request").into_parts().0
}

fn post(path: &str) -> Parts {
    head(Request::post(path).header(CONTENT_TYPE, "application/json"))
}

fn detect(path: &str, body: &str) -> Workload {
    dialect::workload(&post(path), body.as_bytes(), true)
}

#[test]
fn the_cases_of_the_table_hold() {
    let wrong: Vec<_> = cases()
        .filter_map(|case| {
            let found = written(&detect(case.path, case.body));
            (found != case.asks_for)
                .then(|| format!("{}: {found}, not {}", case.name, case.asks_for))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cases_of_the_table_have_names_of_their_own() {
    let mut names = HashSet::new();
    for case in cases() {
        assert!(names.insert(case.name), "twice: {}", case.name);
    }
}

#[test]
fn what_is_not_whole_is_never_taken_for_small() {
    for case in cases() {
        for (cut, _) in case.body.char_indices() {
            let (part, rest) = case.body.split_at(cut);
            if rest.trim().is_empty() {
                continue;
            }
            let head = post(case.path);
            for whole in [true, false] {
                let found = dialect::workload(&head, part.as_bytes(), whole).resolution;
                // Some rows are broken by what follows a whole object.
                let sound = whole && serde_json::from_str::<serde_json::Value>(part).is_ok();
                assert!(
                    sound || matches!(found, Resolution::K4 | Resolution::Unknown),
                    "{}: {part} is {found}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn a_long_reference_image_before_the_size_is_skipped() {
    let image = "A".repeat(20 << 20);
    let body = format!(
        r#"{{"contents":[{{"parts":[{{"inlineData":{{"data":"{image}"}}}}]}}],
            "generationConfig":{{"imageConfig":{{"imageSize":"2K"}}}}}}"#
    );
    let found = detect(GEMINI, &body);
    assert_eq!(written(&found), "K2 gemini-3-pro-image 1 1 yes");
}

#[test]
fn deep_nesting_is_passed_over_or_doubted() {
    for depth in [10, 100_000] {
        let nest = "[".repeat(depth) + &"]".repeat(depth);
        let beside = detect(OPENAI, &format!(r#"{{"other":{nest},"size":"1K"}}"#));
        assert_eq!(beside.resolution, Resolution::K1);
        let inside = detect(GEMINI, &format!(r#"{{"contents":{nest}}}"#));
        let expected = if depth == 10 {
            Resolution::K1
        } else {
            Resolution::Unknown
        };
        assert_eq!(inside.resolution, expected);
    }
}

#[test]
fn only_a_post_asks_for_images() {
    let head = head(Request::get(OPENAI));
    assert_eq!(
        dialect::workload(&head, br#"{"size":"4K"}"#, true),
        Workload::default()
    );
}

#[test]
fn text_that_is_not_utf8_is_never_taken_for_small() {
    let bad = |size: &str, at: usize| {
        let mut body = format!(r#"{{"size":"{size}","prompt":"hat"}}"#).into_bytes();
        body[at] = 0xFF;
        dialect::workload(&post(OPENAI), &body, true).resolution
    };
    assert_eq!(bad("1K", 24), Resolution::Unknown);
    assert_eq!(bad("4K", 24), Resolution::K4, "seen before the bad byte");
    assert_eq!(bad("4K", 3), Resolution::Unknown);
    let behind = b"{\"size\":\"1K\"}\xFF";
    let found = dialect::workload(&post(OPENAI), behind, true);
    assert_eq!(found.resolution, Resolution::Unknown);
}

#[test]
fn what_is_not_plain_json_is_not_read() {
    for (media_type, resolution) in [
        ("application/json", Resolution::K1),
        ("Application/JSON; charset=utf-8", Resolution::K1),
        ("application/vnd.example+json", Resolution::K1),
        ("text/json", Resolution::K1),
        ("text/plain", Resolution::Unknown),
        ("multipart/form-data; boundary=json", Resolution::Unknown),
        ("json", Resolution::Unknown),
        ("", Resolution::Unknown),
    ] {
        let head = head(Request::post(OPENAI).header(CONTENT_TYPE, media_type));
        let found = dialect::workload(&head, br#"{"size":"1K"}"#, true);
        assert_eq!(found.resolution, resolution, "{media_type}");
    }
    for (coding, resolution) in [
        ("identity", Resolution::K1),
        ("gzip", Resolution::Unknown),
        ("gzip, identity", Resolution::Unknown),
    ] {
        let head = head(Request::post(OPENAI).header(CONTENT_ENCODING, coding));
        let found = dialect::workload(&head, br#"{"size":"1K"}"#, true);
        assert_eq!(found.resolution, resolution, "{coding}");
    }
}

#[test]
fn the_path_still_speaks_where_the_body_is_not_read() {
    for (model, resolution) in [
        ("gemini-3-pro-image", Resolution::Unknown),
        ("gemini-3-pro-image-2k", Resolution::Unknown),
        ("gemini-3-pro-image-4k", Resolution::K4),
    ] {
        let path = format!("/v1beta/models/{model}:generateContent");
        let head = head(Request::post(path).header(CONTENT_ENCODING, "gzip"));
        let found = dialect::workload(&head, b"\x1f\x8b", true);
        assert_eq!(
            found,
            Workload {
                recognised: true,
                ..Workload::of(resolution).with_model(model)
            }
        );
    }
}

/// Paths of every dialect, of near misses, and of nothing.
fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        OPENAI,
        GEMINI,
        "/v1beta/models/gemini-3-pro:streamGenerateContent",
        "/models/:generateContent",
        "/:generateContent",
        "/",
        "*",
    ])
}

/// Pieces of which requests are made, in no sensible order.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0069",
        "size",
        "\"size\":",
        "\"4K\"",
        "\"1K\"",
        "null",
        "\"generationConfig\":{",
        "\"image_config\":{",
        "\"imageSize\":",
        "\"model\":",
        "\"contents\":[",
        "\"n\":",
        "9",
        "1e999",
        "-",
        "×",
        " ",
    ])
}

proptest! {
    #[test]
    fn detection_is_total(
        path in path(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        whole in any::<bool>(),
    ) {
        dialect::workload(&post(path), &body, whole);
    }

    #[test]
    fn detection_is_total_on_what_looks_like_a_request(
        path in path(),
        pieces in prop::collection::vec(piece(), 0..30),
        whole in any::<bool>(),
    ) {
        let body = pieces.concat();
        let found = dialect::workload(&post(path), body.as_bytes(), whole);
        let sound = serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|v| v.is_object());
        if !(sound && whole) {
            prop_assert!(matches!(found.resolution, Resolution::K4 | Resolution::Unknown));
        }
    }

    #[test]
    fn any_text_may_stand_for_a_size(text in "\\PC{0,12}") {
        crate::detect::size::parse(&text);
    }

    #[test]
    fn edges_are_classed_by_their_pixels(width in 128_u64..20_000, height in 128_u64..20_000) {
        let size = format!(r#"{{"size":"{width}x{height}"}}"#);
        prop_assert_eq!(detect(OPENAI, &size).resolution, Resolution::of_pixels(width, height));
    }

    /// Other members, wherever they stand and whatever they hold, change nothing.
    #[test]
    fn other_members_change_nothing(
        before in "[a-m]{0,8}",
        after in "[a-m]{0,8}",
        text in "\\PC{0,40}",
        size in prop::sample::select(vec!["1K", "2K", "4K", "16:9", "large"]),
    ) {
        let plain = serde_json::json!({ "size": size }).to_string();
        let text = serde_json::Value::from(text);
        let noisy = format!(r#"{{"x{before}":{{"size":{text}}},"size":"{size}","x{after}":[{text}]}}"#);
        prop_assert_eq!(detect(OPENAI, &noisy), detect(OPENAI, &plain));
    }
}
