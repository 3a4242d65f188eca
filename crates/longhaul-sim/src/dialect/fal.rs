//! fal's models, called directly or through its queue.
//!
//! Direct calls hold the line and answer with links; the queue takes tasks. What is asked for is the same document in
//! both.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Dialect, Frame, Refusal, Work, openai, size};

/// What a request asks for; the field that is wrong is named in the message.
pub(super) fn read(path: &str, body: &Value) -> Result<Work, Refusal> {
    let bad = |field: &str| Refusal::BadRequest(format!("body.{field}: invalid"));
    if body["prompt"].as_str().is_none_or(str::is_empty) {
        return Err(bad("prompt"));
    }
    let keyword = body["resolution"].as_str().unwrap_or("1K");
    let ratio = body["aspect_ratio"].as_str().unwrap_or("1:1");
    let (width, height) = size::of_keyword(keyword, ratio).ok_or_else(|| bad("resolution"))?;
    let images = body["num_images"].as_u64().unwrap_or(1);
    if !(1..=4).contains(&images) {
        return Err(bad("num_images"));
    }
    Ok(Work {
        dialect: Dialect::Fal,
        model: path.trim_matches('/').to_owned(),
        resolution: size::class((width, height)),
        width,
        height,
        images: images as u32,
        links: true,
    })
}

/// The same statuses as OpenAI's, the message under `detail`.
pub(super) fn refuse(refusal: &Refusal) -> (StatusCode, Value) {
    let (status, body) = openai::refuse(refusal);
    (status, json!({ "detail": body["error"]["message"] }))
}

/// Links with type and size: fal never sends a picture inside its answer.
pub(super) fn with_links(frame: &Frame<'_>, links: &[String]) -> Value {
    let Work { width, height, .. } = *frame.work;
    let images: Vec<_> = links
        .iter()
        .map(|url| {
            json!({ "url": url, "content_type": "image/png", "width": width, "height": height })
        })
        .collect();
    json!({ "images": images, "description": "" })
}
