//! Replicate's predictions.
//!
//! Without `Prefer: wait` a prediction is a task; with it the line is held. The answer is the prediction itself in
//! both.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Dialect, Frame, Refusal, Work, openai, size};

/// What a request asks for; the model stands in the path, or as a version in the body.
pub(super) fn read(path: &str, body: &Value) -> Result<Work, Refusal> {
    let input = &body["input"];
    if input["prompt"].as_str().is_none_or(str::is_empty) {
        return Err(Refusal::BadRequest("input.prompt is required".to_owned()));
    }
    let of_path = || {
        let model = path.split_once("/models/")?.1;
        model.strip_suffix("/predictions")
    };
    let model = of_path().or(body["version"].as_str()).unwrap_or("unknown");
    let keyword = input["resolution"].as_str().unwrap_or("1K");
    let ratio = input["aspect_ratio"].as_str().unwrap_or("1:1");
    let (width, height) = size::of_keyword(keyword, ratio)
        .ok_or_else(|| Refusal::BadRequest(format!("input.resolution: {keyword:?} at {ratio}")))?;
    Ok(Work {
        dialect: Dialect::Replicate,
        model: model.to_owned(),
        resolution: size::class((width, height)),
        width,
        height,
        images: 1,
        links: true,
    })
}

/// Refusals in the form of RFC 9457: title, detail and status.
pub(super) fn refuse(refusal: &Refusal) -> (StatusCode, Value) {
    let (status, body) = openai::refuse(refusal);
    let message = &body["error"]["message"];
    (
        status,
        json!({ "title": status.canonical_reason(), "detail": message, "status": status.as_u16() }),
    )
}

/// The prediction in this state.
///
/// `output` is null until there is one, and a list of links then.
pub(crate) fn prediction(frame: &Frame<'_>, id: &str, status: &str, output: &[String]) -> Value {
    json!({
        "id": id,
        "model": frame.work.model,
        "status": status,
        "error": null,
        "output": if output.is_empty() { Value::Null } else { json!(output) },
        "metrics": { "image_count": output.len() },
    })
}
