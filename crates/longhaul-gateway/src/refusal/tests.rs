use std::time::Duration;

use http::{StatusCode, header};
use http_body_util::BodyExt;
use longhaul::error::{Clock, Insecure};
use serde_json::Value;

use super::*;
use crate::core::{Error, ErrorKind};

async fn answer(refusal: Refusal, dialect: Dialect) -> (http::response::Parts, Value) {
    let (head, body) = refusal.into_response(dialect).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, serde_json::from_slice(&body).unwrap())
}

fn cap(price: Option<Money>) -> ErrorKind {
    ErrorKind::SpendingCap {
        cap: Money::usd_micros(1_000_000),
        spent: Money::usd_micros(900_000),
        reserved: Money::usd_micros(0),
        price,
    }
}

#[tokio::test]
async fn an_error_is_written_in_the_callers_dialect() {
    let error = Error::new(ErrorKind::Disconnected);
    let text = error.to_string();
    let (head, body) = answer(Refusal::of_error(&error, Dialect::OpenAi), Dialect::OpenAi).await;
    assert_eq!(head.status, StatusCode::BAD_GATEWAY);
    assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(head.headers[SHOULD_RETRY], "false");
    assert_eq!(head.headers[CLASS], "UnknownOutcome");
    assert_eq!(body["error"]["message"], text);
    assert_eq!(body["error"]["code"], "unknown_outcome");
    assert_eq!(body["error"]["type"], "server_error");

    let (head, body) = answer(Refusal::of_error(&error, Dialect::Google), Dialect::Google).await;
    assert_eq!(head.status, StatusCode::CONFLICT);
    assert_eq!(body["error"]["code"], 409);
    assert_eq!(body["error"]["status"], "ABORTED");
    assert_eq!(body["error"]["details"][0]["reason"], "UNKNOWN_OUTCOME");
    assert_eq!(body["error"]["details"][0]["domain"], "longhaul");
}

#[test]
fn each_kind_of_error_has_the_status_that_sdks_treat_rightly() {
    let timeout = |clock| ErrorKind::Timeout {
        clock,
        limit: Duration::from_secs(1),
        elapsed: Duration::from_secs(1),
        resolution: None,
    };
    for (kind, status) in [
        (cap(None), 402),
        (cap(Some(Money::usd_micros(240_000))), 402),
        (not_begun(), 503),
        (ErrorKind::Duplicate { waste: None }, 502),
        (proxy(), 502),
        (malformed(), 502),
        (
            ErrorKind::QueueTimeout {
                limit: Duration::from_secs(10),
                in_flight: 1,
            },
            503,
        ),
        (ErrorKind::Ledger, 503),
        (ErrorKind::RequestBody, 400),
        (ErrorKind::Insecure(Insecure::Key), 500),
        (timeout(Clock::Connect), 502),
        (timeout(Clock::Picture), 504),
        (timeout(Clock::Operation), 504),
        (ErrorKind::NotStarted, 502),
        (ErrorKind::Truncated { received: 7 }, 502),
    ] {
        let error = Error::new(kind.clone());
        let refusal = Refusal::of_error(&error, Dialect::OpenAi);
        assert_eq!(refusal.status().as_u16(), status, "{kind:?}");
        assert!(!refusal.may_send_again(), "{kind:?}");
    }
}

fn not_begun() -> ErrorKind {
    ErrorKind::NotBegun {
        needed: Duration::from_secs(120),
        left: Duration::from_secs(20),
        cut: None,
    }
}

fn proxy() -> ErrorKind {
    ErrorKind::Proxy {
        proxy: "http://proxy.example:3128".into(),
        status: Some(StatusCode::FORBIDDEN),
    }
}

fn malformed() -> ErrorKind {
    ErrorKind::MalformedResponse {
        reason: "too many headers".into(),
    }
}

#[tokio::test]
async fn what_programs_tell_apart_has_a_code_of_its_own() {
    let no_place = ErrorKind::QueueTimeout {
        limit: Duration::from_secs(10),
        in_flight: 1,
    };
    for (kind, code, openai, google, name) in [
        (cap(None), "price_unknown", 402, 402, "FAILED_PRECONDITION"),
        (not_begun(), "not_begun", 503, 503, "UNAVAILABLE"),
        (no_place, "no_place", 503, 503, "UNAVAILABLE"),
        (proxy(), "outbound_proxy", 502, 502, "UNAVAILABLE"),
        // It was sent, and may have been charged.
        (malformed(), "malformed_response", 502, 409, "ABORTED"),
    ] {
        let error = Error::new(kind.clone());
        let (head, body) =
            answer(Refusal::of_error(&error, Dialect::OpenAi), Dialect::OpenAi).await;
        assert_eq!(head.status.as_u16(), openai, "{kind:?}");
        assert_eq!(body["error"]["code"], code);
        assert_eq!(head.headers[SHOULD_RETRY], "false");
        assert_eq!(head.headers.get(header::RETRY_AFTER), None, "{kind:?}");
        assert_eq!(head.headers[CLASS], error.class().name());

        let (head, body) =
            answer(Refusal::of_error(&error, Dialect::Google), Dialect::Google).await;
        assert_eq!(head.status.as_u16(), google, "{kind:?}");
        assert_eq!(body["error"]["status"], name);
        let reason = &body["error"]["details"][0]["reason"];
        assert_eq!(*reason, code.to_ascii_uppercase());
    }
}

#[test]
fn every_class_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> = Class::ALL.into_iter().map(code).collect();
    assert_eq!(codes.len(), Class::ALL.len());
    assert!(!codes.contains("other"));
}

#[tokio::test]
async fn a_wait_is_told_in_the_header_and_in_googles_details() {
    let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no_place", "wait")
        .again_after(Duration::from_millis(1_500));
    let (head, body) = answer(refusal, Dialect::Google).await;
    assert_eq!(head.headers[header::RETRY_AFTER], "2");
    assert_eq!(head.headers[SHOULD_RETRY], "true");
    assert_eq!(body["error"]["details"][1]["retryDelay"], "2s");
}

#[test]
fn an_envelope_tells_the_status_that_the_head_could_not() {
    let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "unknown_outcome", "broke");
    let envelope: Value = serde_json::from_slice(&refusal.to_envelope(Dialect::OpenAi)).unwrap();
    assert_eq!(envelope["error"]["status"], 502);
    let envelope: Value = serde_json::from_slice(&refusal.to_envelope(Dialect::Google)).unwrap();
    assert_eq!(envelope["error"]["code"], 502);
}
