//! The built-in rules for answers.

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::Value;

use super::{
    Class, Head, Judgement, Stage,
    provider_error::ProviderError,
    status::class_of,
    wait::{told_in_body, told_in_headers},
};

pub(super) fn head(head: &Head<'_>) -> Stage {
    if head.headers.contains_key(CONTENT_ENCODING) {
        // What is inside is not ours to unpack: the head decides.
        return match class_of(head.status) {
            Some(class) => {
                Stage::Judged(Judgement::of(class).with_wait(told_in_headers(head.headers)))
            }
            None => Stage::Watch,
        };
    }
    if is_event_stream(head.headers) {
        return match class_of(head.status) {
            Some(class) => {
                Stage::Judged(Judgement::of(class).with_wait(told_in_headers(head.headers)))
            }
            None => Stage::Watch,
        };
    }
    Stage::Peek
}

pub(super) fn body(head: &Head<'_>, body: &[u8], complete: bool) -> Judgement {
    let json = serde_json::from_slice::<Value>(body).ok();
    let class = match class_of(head.status) {
        Some(class) => refine(class, head.status, json.as_ref()),
        None => success(head, body, json.as_ref(), complete),
    };
    let told = told_in_headers(head.headers).max(json.as_ref().and_then(told_in_body));
    Judgement::of(class).with_wait(told)
}

/// What the provider's own words add to a status that is no success.
fn refine(class: Class, status: StatusCode, json: Option<&Value>) -> Class {
    let Some(error) = json.and_then(ProviderError::read) else {
        return class;
    };
    match class {
        Class::RateLimited | Class::ClientError if error.is_quota() => Class::QuotaExhausted,
        Class::ClientError if error.is_moderation() => Class::ContentBlocked,
        Class::RateLimited | Class::Unavailable if error.is_overload() => Class::Overloaded,
        Class::IntermediaryCut if error.is_deadline() => Class::ModelDeadline,
        Class::ServerError
            if status == StatusCode::INTERNAL_SERVER_ERROR && error.is_overload() =>
        {
            Class::Overloaded
        }
        _ => class,
    }
}

/// A success that was seen whole.
fn success(head: &Head<'_>, body: &[u8], json: Option<&Value>, complete: bool) -> Class {
    // Whoever asked for something else than a picture got what they asked for.
    if !head.workload.recognised || !complete {
        return Class::Delivered;
    }
    match json {
        Some(json) if has_image(json) => Class::Delivered,
        Some(json) if is_refusal(json) => Class::ContentBlocked,
        Some(_) => Class::NoImage,
        None if is_json(head.headers) || is_text(head.headers) || body.is_empty() => Class::NoImage,
        None => Class::Delivered,
    }
}

/// Whether an image, or a link to one, is anywhere in an answer.
fn has_image(json: &Value) -> bool {
    /// Where the dialects put base64 or a link: OpenAI, Gemini in both spellings, Imagen, chat.
    const KEYS: [&str; 6] = [
        "b64_json",
        "url",
        "data",
        "bytesBase64Encoded",
        "fileUri",
        "file_uri",
    ];
    match json {
        Value::Object(fields) => fields.iter().any(|(key, value)| match value {
            Value::String(text) => KEYS.contains(&key.as_str()) && !text.is_empty(),
            nested => has_image(nested),
        }),
        Value::Array(items) => items.iter().any(has_image),
        _ => false,
    }
}

/// Whether an answer names its refusal: Gemini's `blockReason`, or a `finishReason` about content.
fn is_refusal(json: &Value) -> bool {
    const REASONS: [&str; 9] = [
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "SPII",
        "LANGUAGE",
    ];
    let finish = json.pointer("/candidates/0/finishReason");
    json.pointer("/promptFeedback/blockReason").is_some()
        || finish
            .and_then(Value::as_str)
            .is_some_and(|reason| REASONS.contains(&reason))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Whether the answer says that it is JSON (`application/json`, `application/problem+json`).
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).contains("json")
}

fn is_text(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/")
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/event-stream")
}
