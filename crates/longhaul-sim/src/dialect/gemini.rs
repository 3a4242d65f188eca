//! Gemini's native API.
//!
//! Names come in camelCase and in snake_case, since proto-JSON allows both, and clients send both. A size in lower case
//! (`4k`) is refused, as the real API refuses it.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Dialect, Frame, Refusal, Work, retry_info, size};

/// What a request asks for. The model stands in the path; a size that is not said is 1K, or what the model's name ends
/// with.
pub(super) fn read(path: &str, body: &Value) -> Result<Work, Refusal> {
    let bad = |message: String| Refusal::BadRequest(message);
    if !body["contents"].is_array() {
        return Err(bad(
            "* GenerateContentRequest.contents: contents is not specified".into(),
        ));
    }
    let model = path
        .rsplit('/')
        .next()
        .and_then(|last| last.split(':').next())
        .unwrap_or_default();
    // Both spellings are legal in proto-JSON.
    let field = |within: &Value, camel: &str, snake: &str| match &within[camel] {
        Value::Null => within[snake].clone(),
        value => value.clone(),
    };
    let config = field(
        &field(body, "generationConfig", "generation_config"),
        "imageConfig",
        "image_config",
    );
    let keyword = match field(&config, "imageSize", "image_size") {
        Value::Null => size::of_model(model).unwrap_or("1K").to_owned(),
        value => value.as_str().unwrap_or_default().to_owned(),
    };
    let ratio = match field(&config, "aspectRatio", "aspect_ratio") {
        Value::Null => "1:1".to_owned(),
        value => value.as_str().unwrap_or_default().to_owned(),
    };
    let (width, height) = size::of_keyword(&keyword, &ratio).ok_or_else(|| {
        bad(format!(
            "Invalid image size `{keyword}` or aspect ratio `{ratio}`."
        ))
    })?;
    Ok(Work {
        dialect: Dialect::Gemini,
        model: model.to_owned(),
        resolution: size::class((width, height)),
        width,
        height,
        images: 1,
        links: false,
    })
}

/// Refusals in the form of `google.rpc.Status`: a number, a word and a message, and for limits the details that name
/// the quota and the wait.
pub(super) fn refuse(refusal: &Refusal) -> (StatusCode, Value) {
    use StatusCode as Http;
    let (http, status, message, details) = match refusal {
        Refusal::Overloaded => (
            Http::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
            None,
        ),
        Refusal::Unavailable => (
            Http::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The service is currently unavailable.",
            None,
        ),
        Refusal::RateLimited(wait) => (
            Http::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current requests per minute.",
            wait.map(|wait| {
                json!([
                    quota("GenerateRequestsPerMinutePerProjectPerModel"),
                    retry_info(wait)
                ])
            }),
        ),
        Refusal::Quota => (
            Http::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            // The measured delay of a spent day.
            Some(json!([
                quota("GenerateRequestsPerDayPerProjectPerModel"),
                retry_info(Duration::from_secs(9 * 3600 + 54 * 60)),
            ])),
        ),
        Refusal::Unauthorized => (
            Http::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "Invalid API key",
            Some(json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }])),
        ),
        Refusal::BadRequest(message) => (
            Http::BAD_REQUEST,
            "INVALID_ARGUMENT",
            message.as_str(),
            None,
        ),
        Refusal::NotFound => (
            Http::NOT_FOUND,
            "NOT_FOUND",
            "The method is not found.",
            None,
        ),
        Refusal::Method => (
            Http::METHOD_NOT_ALLOWED,
            "UNIMPLEMENTED",
            "Only POST is allowed.",
            None,
        ),
        Refusal::TooLarge => (
            Http::PAYLOAD_TOO_LARGE,
            "INVALID_ARGUMENT",
            "The request is too large.",
            None,
        ),
        Refusal::KeyReuse => (
            Http::UNPROCESSABLE_ENTITY,
            "INVALID_ARGUMENT",
            "This idempotency key was used with another request.",
            None,
        ),
        Refusal::Blocked => (
            Http::BAD_REQUEST,
            "INVALID_ARGUMENT",
            "The prompt was blocked.",
            None,
        ),
        Refusal::ServerError => (
            Http::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "An internal error has occurred.",
            None,
        ),
        Refusal::Unsupported(name) => (Http::BAD_REQUEST, "INVALID_ARGUMENT", *name, None),
    };
    let mut error = json!({ "code": http.as_u16(), "message": message, "status": status });
    if let Some(details) = details {
        error["details"] = details;
    }
    (http, json!({ "error": error }))
}

/// The detail that names the limit; whether a day or a minute is spent stands in its id alone.
fn quota(id: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": id,
        }],
    })
}

/// An answer with each picture as a part, and the tokens that it counts.
pub(super) fn with_pictures<'a>(frame: &Frame<'_>, marks: impl Iterator<Item = &'a str>) -> Value {
    let parts: Vec<_> = marks
        .map(|mark| json!({ "inlineData": { "mimeType": "image/png", "data": mark } }))
        .collect();
    let tokens = frame.work.resolution.output_tokens() * parts.len() as u64;
    answer(
        frame,
        json!({ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 }),
        tokens,
    )
}

/// 200 without a picture: `parts` is null, and the reason says whether the safety filter took it.
pub(super) fn without_picture(frame: &Frame<'_>, blocked: bool) -> Value {
    let reason = if blocked { "IMAGE_SAFETY" } else { "NO_IMAGE" };
    answer(
        frame,
        json!({ "content": { "role": "model", "parts": null }, "finishReason": reason, "index": 0 }),
        0,
    )
}

/// What stands around a candidate: usage, model and the request's id.
fn answer(frame: &Frame<'_>, candidate: Value, tokens: u64) -> Value {
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": 32,
            "candidatesTokenCount": tokens,
            "totalTokenCount": 32 + tokens,
        },
        "modelVersion": frame.work.model,
        "responseId": frame.request_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resolution;

    const PATH: &str = "/v1beta/models/gemini-3-pro-image:generateContent";

    #[test]
    fn both_spellings_give_the_size() {
        for body in [
            json!({ "contents": [], "generationConfig": { "imageConfig": { "imageSize": "4K", "aspectRatio": "16:9" } } }),
            json!({ "contents": [], "generation_config": { "image_config": { "image_size": "4K", "aspect_ratio": "16:9" } } }),
        ] {
            let work = read(PATH, &body).unwrap();
            assert_eq!(
                (work.width, work.height, work.resolution),
                (5504, 3072, Resolution::K4)
            );
            assert_eq!(work.model, "gemini-3-pro-image");
        }
    }

    #[test]
    fn without_a_size_it_is_1k_or_what_the_models_name_says() {
        let body = json!({ "contents": [] });
        assert_eq!(read(PATH, &body).unwrap().width, 1024);
        assert_eq!(
            read(
                "/v1beta/models/gemini-3-pro-image-preview-2k:generateContent",
                &body
            )
            .unwrap()
            .width,
            2048
        );
    }

    #[test]
    fn a_size_in_lower_case_is_refused_as_upstream_does() {
        let body =
            json!({ "contents": [], "generationConfig": { "imageConfig": { "imageSize": "4k" } } });
        assert!(
            matches!(read(PATH, &body), Err(Refusal::BadRequest(message)) if message.contains("`4k`"))
        );
    }

    #[test]
    fn a_spent_day_is_named_in_the_details() {
        let (status, body) = refuse(&Refusal::Quota);
        assert_eq!(status, 429);
        assert!(body.to_string().contains("PerDay"));
        assert_eq!(body["error"]["details"][1]["retryDelay"], "35640s");
    }
}
