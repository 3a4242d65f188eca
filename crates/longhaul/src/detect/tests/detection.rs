//! What holds for every request. Single cases are in `tests/dialects/`.

use http::{
    Request,
    header::CONTENT_TYPE,
    request::{Builder, Parts},
};
use proptest::prelude::*;

use crate::{
    detect::dialect,
    model::{Resolution, Workload},
};

const OPENAI: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const GEMINI: &str = "/v1beta/models/gemini-3-pro-image:generateContent";

fn head(request: Builder) -> Parts {
    request.body(()).expect("a sound request").into_parts().0
}

fn post(path: &str) -> Parts {
    head(Request::post(path).header(CONTENT_TYPE, "application/json"))
}

fn detect(path: &str, body: &str) -> Workload {
    dialect::workload(&post(path), body.as_bytes(), true)
}

fn detect_form(body: &[u8]) -> Workload {
    let form = Request::post(EDITS).header(CONTENT_TYPE, "multipart/form-data; boundary=b");
    dialect::workload(&head(form), body, true)
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

/// Paths of every dialect, of near misses, and of nothing.
fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        OPENAI,
        EDITS,
        GEMINI,
        "/v1/responses",
        "/v1/chat/completions",
        "/v1beta/interactions",
        "/v1beta/models/imagen-4:predict",
        "/v1/models/o/m/predictions",
        "/v1/flux-2",
        "/api/v3/o/image",
        "/v1beta/models/gemini-3-pro:streamGenerateContent",
        "/models/:generateContent",
        "/:generateContent",
        "/%FF%zz%2Fimages%2Fgenerations",
        "/",
        "*",
    ])
}

/// Members of requests, each with the values that it may have.
type Members = &'static [(&'static str, &'static [&'static str])];

const REQUESTS: [(&str, Members); 6] = [
    (
        OPENAI,
        &[
            (
                "model",
                &[
                    r#""gpt-image-2""#,
                    r#""grok-imagine-image""#,
                    r#""seedream-4-5""#,
                ],
            ),
            (
                "size",
                &[r#""1K""#, r#""16:9""#, r#""auto""#, r#""2048x2048""#, "7"],
            ),
            ("resolution", &[r#""1k""#, r#""2k""#, r#""4k""#, "[]"]),
            ("quality", &[r#""low""#, r#""high""#, r#""4K""#]),
            ("image", &[r#""data:""#, r#"["a","b"]"#, "null"]),
            ("n", &["2", "-1"]),
        ],
    ),
    (
        GEMINI,
        &[
            ("contents", &[r#"[{"parts":[{"inlineData":{}}]}]"#, "[]"]),
            (
                "generationConfig",
                &[
                    r#"{"imageConfig":{"imageSize":"2K"}}"#,
                    r#"{"imageConfig":{}}"#,
                ],
            ),
            (
                "generation_config",
                &[r#"{"image_config":{"image_size":"1K"}}"#],
            ),
        ],
    ),
    (
        "/v1/responses",
        &[
            ("model", &[r#""gpt-5""#]),
            (
                "tools",
                &[
                    r#"[{"type":"image_generation","size":"1024x1024"}]"#,
                    r#"[{"type":"image_generation"},{"size":"2K","type":"image_generation"}]"#,
                ],
            ),
            (
                "input",
                &[r#""a hat""#, r#"[{"content":[{"type":"input_image"}]}]"#],
            ),
        ],
    ),
    (
        "/v1/chat/completions",
        &[
            ("model", &[r#""gemini-3-pro-image""#, r#""m""#, r#""m-2k""#]),
            (
                "modalities",
                &[r#"["image","text"]"#, r#"["text"]"#, r#""image""#],
            ),
            (
                "image_config",
                &[r#"{"image_size":"1K"}"#, r#"{"aspect_ratio":"1:1"}"#],
            ),
            ("size", &[r#""1K""#, r#""4K""#]),
        ],
    ),
    (
        "/v1beta/interactions",
        &[
            ("model", &[r#""gemini-3-pro-image""#, r#""m""#]),
            (
                "response_format",
                &[
                    r#"{"image_size":"2K","type":"image"}"#,
                    r#"[{"type":"image"}]"#,
                ],
            ),
            (
                "generation_config",
                &[r#"{"image_config":{"image_size":"1K"}}"#],
            ),
            ("input", &[r#"[{"type":"image"}]"#]),
        ],
    ),
    (
        "/v1beta/models/imagen-4:predict",
        &[
            (
                "parameters",
                &[
                    r#"{"sampleImageSize":"1K","sampleCount":4}"#,
                    r#"{"mode":"upscale"}"#,
                ],
            ),
            ("instances", &[r#"[{"image":{}}]"#]),
        ],
    ),
];

/// A path and some members of a request to it, each at most once.
fn request() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    prop::sample::select(REQUESTS.as_slice()).prop_flat_map(|(path, members)| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, values)| {
                prop::option::of(prop::sample::select(*values))
                    .prop_map(move |value| value.map(|value| format!(r#""{key}":{value}"#)))
            })
            .collect();
        (
            Just(path),
            members.prop_map(|members| members.into_iter().flatten().collect()),
        )
    })
}

fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

/// Fields of a form, all but its images.
fn field() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("model", "gpt-image-2"),
        ("model", "nano-banana-2k"),
        ("size", "1K"),
        ("size", "auto"),
        ("size", "large"),
        ("SIZE", "4K"),
        ("resolution", "2k"),
        ("quality", "hd"),
        ("n", "3"),
        ("prompt", "size=4K"),
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
    fn detection_is_total_on_what_looks_like_a_form(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n--b", "--", "\r\n", "\n", "Content-Disposition: form-data; name=size",
            "Content-Disposition: form-data; name=\"size\"; filename=\"x\"", "Content-Disposition:",
            ";", "=", "\"", "\\", "name", "4K", "1K", "\0", "é",
        ]), 0..30),
    ) {
        let body = pieces.concat();
        let found = detect_form(body.as_bytes()).resolution;
        if !body.trim_end().ends_with("--b--") {
            prop_assert!(matches!(found, Resolution::K4 | Resolution::Unknown));
        }
    }

    /// A form says what the same fields would say in JSON, whatever stands between them.
    #[test]
    fn a_form_is_read_like_json(
        fields in prop::collection::vec(field(), 0..6),
        file in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!file.windows(3).any(|bytes| bytes == b"--b"));
        let mut form = Vec::new();
        let mut members = Vec::new();
        let image = at.index(fields.len() + 1);
        let add_image = |form: &mut Vec<u8>| {
            let head = "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n";
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(&file);
            form.extend_from_slice(b"\r\n");
        };
        for (index, (name, value)) in fields.iter().enumerate() {
            if index == image {
                add_image(&mut form);
            }
            let part = format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.extend_from_slice(part.as_bytes());
            members.push(format!(r#""{name}":"{value}""#));
        }
        if image == fields.len() {
            add_image(&mut form);
        }
        form.extend_from_slice(b"--b--\r\n");
        members.push(r#""image":{}"#.to_owned());
        prop_assert_eq!(detect_form(&form), detect(EDITS, &object(&members)));
    }

    /// Keys stand in any order.
    #[test]
    fn the_order_of_the_members_means_nothing(
        (path, members, shuffled) in request().prop_flat_map(|(path, members)| {
            (Just(path), Just(members.clone()), Just(members).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(detect(path, &object(&shuffled)), detect(path, &object(&members)));
    }

    /// A member that no dialect knows makes no request smaller, nor anything else of it.
    #[test]
    fn an_unknown_member_changes_no_request(
        (path, members) in request(),
        unknown in prop::sample::select(vec![
            r#""x":{"size":"4K","imageSize":"1K"}"#, r#""x":"size: 4K""#, r#""x":[[],{"tools":[]}]"#,
        ]),
        at in any::<prop::sample::Index>(),
    ) {
        let mut more = members.clone();
        more.insert(at.index(members.len() + 1), unknown.to_owned());
        prop_assert_eq!(detect(path, &object(&more)), detect(path, &object(&members)));
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
