//! How a refusal is written in each dialect.
//!
//! Two forms of the same facts. OpenAI's SDKs look for `error.code` and `error.type`, Google's for `error.status` and
//! `error.details`; a further field is ignored by both, and is where the gateway's own facts stand.
//!
//! Tests: `an_error_is_written_in_the_callers_dialect`, `a_wait_is_told_in_the_header_and_in_googles_details`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Refusal, whole_seconds};
use crate::dialect::Dialect;

pub(super) fn write(refusal: &Refusal, dialect: Dialect) -> Vec<u8> {
    to_bytes(&error(refusal, dialect))
}

/// For OpenAI's dialect the status has a field of its own: `code` is the name there.
pub(super) fn write_envelope(refusal: &Refusal, dialect: Dialect) -> Vec<u8> {
    let mut body = error(refusal, dialect);
    // Google's has the number in `code` already, and a name in `status`.
    if dialect == Dialect::OpenAi {
        body["error"]["status"] = refusal.0.status.as_u16().into();
    }
    to_bytes(&body)
}

/// With a line's end, so that a shell's prompt stands on a line of its own after `curl`.
fn to_bytes(body: &Value) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

fn error(refusal: &Refusal, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi => json!({ "error": {
            "message": refusal.0.message,
            "type": openai_type(refusal.0.status),
            "param": null,
            "code": refusal.0.code,
            "longhaul": facts(refusal),
        } }),
        Dialect::Google => json!({ "error": {
            "code": refusal.0.status.as_u16(),
            "message": refusal.0.message,
            "status": google_status(refusal.0.status),
            "details": details(refusal),
        } }),
    }
}

/// What is known; nothing stands for what is not.
fn facts(refusal: &Refusal) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            facts.insert(name.to_owned(), value);
        }
    };
    add("class", refusal.0.class.map(|class| class.name().into()));
    add("attempts", refusal.0.attempts.map(Into::into));
    add("cost", refusal.0.cost.map(|cost| cost.to_string().into()));
    add("advice", refusal.0.advice.as_deref().map(Into::into));
    facts
}

/// `RetryInfo` is what Google's own clients read a wait from.
fn details(refusal: &Refusal) -> Vec<Value> {
    // The values of an `ErrorInfo` are texts.
    let metadata: Map<String, Value> = facts(refusal)
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, Value::String(text)),
            other => (name, Value::String(other.to_string())),
        })
        .collect();
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": refusal.0.code.to_ascii_uppercase(),
        "domain": "longhaul",
        "metadata": metadata,
    })];
    if let Some(wait) = refusal.0.retry_after {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}s", whole_seconds(wait)),
        }));
    }
    details
}

/// By the status alone. `insufficient_quota` is what users of OpenAI's SDKs know for money that is used up.
const fn openai_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "authentication_error",
        402 => "insufficient_quota",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// The names of `google.rpc.Code`, as Google's own mapping to HTTP has them.
const fn google_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        402 => "FAILED_PRECONDITION",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        502 | 503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
