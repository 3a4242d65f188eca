//! OpenAI's images API, as relays speak it too.
//!
//! “OpenAI's” is what relays make of it: `size` may be pixels, a keyword such as `4K`, or left to the model's name
//! (`nano-banana-pro-4k`). Messages are OpenAI's own where they are known.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Dialect, Frame, Refusal, Work, size};

/// What a request asks for: 1 to 10 pictures of one size. The parameter that is wrong is named in the message.
pub(super) fn read(body: &Value) -> Result<Work, Refusal> {
    let bad = |message: &str| Refusal::BadRequest(message.to_owned());
    if !body.is_object() {
        return Err(bad("the body is not an object"));
    }
    if body["prompt"].as_str().is_none_or(str::is_empty) {
        return Err(bad("Missing required parameter: 'prompt'."));
    }
    let model = body["model"].as_str().unwrap_or("gpt-image-1");
    let text = match &body["size"] {
        Value::Null => "auto",
        Value::String(text) => text,
        _ => return Err(bad("Invalid type for 'size': expected a string.")),
    };
    let of_keyword = |keyword| size::of_keyword(keyword, "1:1");
    let size = match text {
        "auto" => of_keyword(size::of_model(model).unwrap_or("1K")),
        _ => size::of_pixels(text).or_else(|| of_keyword(text)),
    };
    let (width, height) =
        size.ok_or_else(|| bad(&format!("Invalid value for 'size': '{text}'.")))?;
    let images = match &body["n"] {
        Value::Null => 1,
        n => n
            .as_u64()
            .filter(|n| (1..=10).contains(n))
            .ok_or_else(|| bad("Invalid value for 'n': 1 to 10."))?,
    };
    // GPT image models know no links and ignore the question.
    let links = match body["response_format"].as_str() {
        None => false,
        Some("b64_json") => false,
        Some("url") => !model.starts_with("gpt-image"),
        Some(_) => {
            return Err(bad(
                "Invalid value for 'response_format': 'url' or 'b64_json'.",
            ));
        }
    };
    Ok(Work {
        dialect: Dialect::OpenAi,
        model: model.to_owned(),
        resolution: size::class((width, height)),
        width,
        height,
        images: images as u32,
        links,
    })
}

/// Refusals as an `error` object: message, type, parameter and code, of which clients judge by the code.
pub(super) fn refuse(refusal: &Refusal) -> (StatusCode, Value) {
    use StatusCode as Http;
    let invalid = "invalid_request_error";
    let (status, kind, code, message) = match refusal {
        Refusal::Overloaded => (
            Http::SERVICE_UNAVAILABLE,
            "service_unavailable_error",
            "server_is_overloaded",
            "The model is overloaded. Please try again later.",
        ),
        Refusal::Unavailable => (
            Http::SERVICE_UNAVAILABLE,
            "service_unavailable_error",
            "service_unavailable",
            "The service is currently unavailable.",
        ),
        Refusal::RateLimited(_) => (
            Http::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "rate_limit_exceeded",
            "Rate limit reached for images per minute.",
        ),
        Refusal::Quota => (
            Http::TOO_MANY_REQUESTS,
            "insufficient_quota",
            "credit_balance_exhausted",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        Refusal::Unauthorized => (
            Http::UNAUTHORIZED,
            invalid,
            "invalid_api_key",
            "Invalid API key",
        ),
        Refusal::BadRequest(message) => (
            Http::BAD_REQUEST,
            invalid,
            "invalid_value",
            message.as_str(),
        ),
        Refusal::NotFound => (
            Http::NOT_FOUND,
            invalid,
            "unknown_url",
            "Unknown request URL.",
        ),
        Refusal::Method => (
            Http::METHOD_NOT_ALLOWED,
            invalid,
            "method_not_supported",
            "Only POST is allowed.",
        ),
        Refusal::TooLarge => (
            Http::PAYLOAD_TOO_LARGE,
            invalid,
            "request_too_large",
            "The request is too large.",
        ),
        Refusal::KeyReuse => (
            Http::UNPROCESSABLE_ENTITY,
            "idempotency_error",
            "idempotency_key_reused",
            "This idempotency key was used with another request.",
        ),
        Refusal::Blocked => (
            Http::BAD_REQUEST,
            "image_generation_user_error",
            "moderation_blocked",
            "Your request was rejected by the safety system.",
        ),
        Refusal::ServerError => (
            Http::INTERNAL_SERVER_ERROR,
            "server_error",
            "server_error",
            "The server had an error while processing your request.",
        ),
        Refusal::Unsupported(_) => (
            Http::BAD_REQUEST,
            invalid,
            "unknown_parameter",
            "Unknown parameter.",
        ),
    };
    let param = match refusal {
        Refusal::Unsupported(name) => Some(name),
        _ => None,
    };
    let mut error = json!({ "message": message, "type": kind, "param": param, "code": code });
    if let Refusal::RateLimited(Some(wait)) = refusal {
        // Relays pass Google's details on.
        error["details"] = json!([super::retry_info(*wait)]);
    }
    (status, json!({ "error": error }))
}

/// An answer with the pictures inside.
pub(super) fn with_pictures<'a>(frame: &Frame<'_>, marks: impl Iterator<Item = &'a str>) -> Value {
    answer(
        frame,
        marks.map(|mark| json!({ "b64_json": mark })).collect(),
    )
}

/// An answer with links, as DALL·E models and relays give them.
pub(super) fn with_links(frame: &Frame<'_>, links: &[String]) -> Value {
    let size = format!("{}x{}", frame.work.width, frame.work.height);
    answer(
        frame,
        links
            .iter()
            .map(|link| json!({ "url": link, "size": size }))
            .collect(),
    )
}

/// What stands around the pictures: the time, the size and what they cost in tokens.
fn answer(frame: &Frame<'_>, data: Vec<Value>) -> Value {
    let Work {
        width,
        height,
        resolution,
        ..
    } = *frame.work;
    let output = resolution.output_tokens() * data.len() as u64;
    json!({
        "created": frame.created,
        "data": data,
        "size": format!("{width}x{height}"),
        "output_format": "png",
        "usage": { "input_tokens": 32, "output_tokens": output, "total_tokens": 32 + output },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resolution;

    fn refused(body: Value) -> String {
        match read(&body) {
            Err(Refusal::BadRequest(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documents_own_request_asks_for_a_4k_link() {
        let work = read(&json!({
            "prompt": "a cat", "size": "4096x4096", "model": "nano-banana-pro", "n": 1, "response_format": "url",
        }));
        let work = work.unwrap();
        assert_eq!(
            (work.width, work.height, work.images, work.links),
            (4096, 4096, 1, true)
        );
        assert_eq!(work.resolution, Resolution::K4);
    }

    #[test]
    fn size_may_be_a_keyword_or_come_from_the_models_name() {
        let width = |body: Value| read(&body).unwrap().width;
        assert_eq!(width(json!({ "prompt": "p", "size": "2K" })), 2048);
        assert_eq!(
            width(json!({ "prompt": "p", "model": "nano-banana-pro-4k" })),
            4096
        );
        assert_eq!(width(json!({ "prompt": "p", "size": "auto" })), 1024);
    }

    #[test]
    fn gpt_image_models_give_no_links() {
        let body = json!({ "prompt": "p", "model": "gpt-image-2", "response_format": "url" });
        assert!(!read(&body).unwrap().links);
    }

    #[test]
    fn what_cannot_be_made_is_refused_by_name() {
        assert!(refused(json!([])).contains("object"));
        assert!(refused(json!({})).contains("prompt"));
        assert!(refused(json!({ "prompt": "p", "size": "huge" })).contains("'huge'"));
        assert!(refused(json!({ "prompt": "p", "size": 4096 })).contains("'size'"));
        assert!(refused(json!({ "prompt": "p", "n": 11 })).contains("'n'"));
        assert!(
            refused(json!({ "prompt": "p", "response_format": "gif" })).contains("response_format")
        );
    }
}
