//! What holds for every request. Single cases are in `tests/dialects/`.

mod properties;
mod requests;

use crate::{
    detect::dialect,
    model::{Resolution, Workload},
};
use http::{
    Request,
    header::CONTENT_TYPE,
    request::{Builder, Parts},
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
fn a_whole_number_may_be_written_with_a_point() {
    for (n, images) in [("2", 2), ("2.0", 2), ("20e-1", 2), ("2.5", 1), ("-2.0", 1)] {
        let workload = detect(OPENAI, &format!(r#"{{"n":{n}}}"#));
        assert_eq!(workload.images, images, "{n}");
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
