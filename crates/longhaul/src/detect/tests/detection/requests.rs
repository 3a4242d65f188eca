//! Requests of every dialect, and pieces of them.

use proptest::prelude::*;

use super::*;

/// Paths of every dialect, of near misses, and of nothing.
pub(super) fn path() -> impl Strategy<Value = &'static str> {
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
pub(super) type Members = &'static [(&'static str, &'static [&'static str])];

pub(super) const REQUESTS: [(&str, Members); 6] = [
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
pub(super) fn request() -> impl Strategy<Value = (&'static str, Vec<String>)> {
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

pub(super) fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

/// Fields of a form, all but its images.
pub(super) fn field() -> impl Strategy<Value = (&'static str, &'static str)> {
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
pub(super) fn piece() -> impl Strategy<Value = &'static str> {
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
