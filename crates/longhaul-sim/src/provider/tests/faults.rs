use std::{error::Error as _, io};

use super::*;
use crate::{Received, SimErrorKind};

fn io_kind(error: &SimError) -> io::ErrorKind {
    error
        .source()
        .unwrap()
        .downcast_ref::<io::Error>()
        .unwrap()
        .kind()
}

/// What is charged for a 4K picture.
const CHARGE: u64 = 240_000;

#[tokio::test(start_paused = true)]
async fn refusals_speak_the_dialect_and_charge_nothing() {
    for (fault, status, openai, gemini) in [
        (
            "overloaded",
            503,
            "server_is_overloaded",
            "The model is overloaded. Please try again later.",
        ),
        (
            "unavailable",
            503,
            "service_unavailable",
            "The service is currently unavailable.",
        ),
        ("early", 503, "server_is_overloaded", "UNAVAILABLE"),
        (
            "rate-limited@18",
            429,
            "rate_limit_exceeded",
            "RESOURCE_EXHAUSTED",
        ),
        ("rate-limited-body@18", 429, "\"18s\"", "\"18s\""),
        ("quota", 429, "insufficient_quota", "PerDay"),
        ("unauthorized", 401, "invalid_api_key", "Invalid API key"),
        (
            "bad-request",
            400,
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        ("server-error", 500, "server_error", "INTERNAL"),
    ] {
        for (path, expected) in [(OPENAI, openai), (GEMINI, gemini)] {
            let provider = provider(fault);
            let response = call(&provider, path).await.unwrap();
            assert_eq!(response.status(), status, "{fault}");
            let text = json(response).await.to_string();
            assert!(text.contains(expected), "{fault}: {text}");
            let entry = only_entry(&provider).await;
            assert_eq!(
                (entry.charged_micros, entry.generated, entry.delivered),
                (0, false, false)
            );
            assert_eq!((entry.status, entry.answered), (Some(status), true));
            assert_eq!(entry.received == Received::Whole, fault != "early");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_told_in_every_form_and_scaled_by_the_speed() {
    for (fault, speed, header, value) in [
        ("rate-limited@18", 1.0, "retry-after", "18"),
        ("rate-limited@18", 100.0, "retry-after", "1"),
        ("rate-limited-ms@1500", 1.0, "retry-after-ms", "1500"),
        ("rate-limited-ms@1500", 100.0, "retry-after-ms", "15"),
        ("rate-limited-x-ms@1500", 10.0, "x-ms-retry-after-ms", "150"),
    ] {
        let provider = builder(fault).speed(speed).build().unwrap();
        let response = call(&provider, OPENAI).await.unwrap();
        assert_eq!(response.headers()[header], value, "{fault}");
    }
    let dated = call(&provider("rate-limited-date@30"), OPENAI)
        .await
        .unwrap();
    httpdate::parse_http_date(dated.headers()["retry-after"].to_str().unwrap()).unwrap();
    let mute = call(&provider("rate-limited-mute"), OPENAI).await.unwrap();
    assert!(!mute.headers().contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn after_the_request_a_transport_fault_is_charged() {
    for (fault, after, kind, io) in [
        (
            "reset",
            0.0,
            SimErrorKind::Reset,
            io::ErrorKind::ConnectionReset,
        ),
        (
            "reset@20",
            20.0,
            SimErrorKind::Reset,
            io::ErrorKind::ConnectionReset,
        ),
        (
            "cut@60",
            60.0,
            SimErrorKind::Cut,
            io::ErrorKind::UnexpectedEof,
        ),
        (
            "cut@60+takes@1",
            60.0,
            SimErrorKind::Cut,
            io::ErrorKind::UnexpectedEof,
        ),
        (
            "goaway",
            0.0,
            SimErrorKind::GoAway { processed: true },
            io::ErrorKind::ConnectionReset,
        ),
        (
            "rst-stream",
            0.0,
            SimErrorKind::StreamReset { processed: true },
            io::ErrorKind::ConnectionReset,
        ),
    ] {
        let provider = provider(fault);
        let (seconds, result) = seconds(call(&provider, OPENAI)).await;
        let error = result.unwrap_err();
        assert!(close(seconds, after), "{fault}: {seconds}");
        assert_eq!((error.kind(), io_kind(&error)), (kind, io));
        let entry = only_entry(&provider).await;
        assert_eq!(
            (entry.charged_micros, entry.delivered, entry.answered),
            (CHARGE, false, false),
            "{fault}"
        );
        assert!(
            entry.charged.unwrap() > entry.finished.unwrap(),
            "{fault}: the work outlasts it"
        );
        assert!(!entry.client_left, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_before_the_request_is_read_costs_nothing() {
    for (fault, kind) in [
        (
            "goaway-unprocessed",
            SimErrorKind::GoAway { processed: false },
        ),
        (
            "refused-stream",
            SimErrorKind::StreamReset { processed: false },
        ),
        ("reset-reading@10", SimErrorKind::Reset),
    ] {
        let provider = provider(fault);
        assert_eq!(call(&provider, OPENAI).await.unwrap_err().kind(), kind);
        let entry = only_entry(&provider).await;
        assert_eq!(
            (entry.received, entry.charged_micros),
            (Received::Partial, 0),
            "{fault}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_counted_but_leaves_no_entry() {
    let provider = provider("refused");
    let error = call(&provider, OPENAI).await.unwrap_err();
    assert_eq!(
        (error.kind(), io_kind(&error)),
        (SimErrorKind::Refused, io::ErrorKind::ConnectionRefused)
    );
    provider.oracle().settled().await;
    assert!(provider.oracle().entries().is_empty());
    assert_eq!(provider.oracle().totals().refused, 1);
}

#[tokio::test(start_paused = true)]
async fn silence_never_answers_and_charges() {
    let provider = provider("silence");
    let waited = tokio::time::timeout(60 * MINUTE, call(&provider, OPENAI)).await;
    assert!(waited.is_err());
    let entry = only_entry(&provider).await;
    assert_eq!(
        (entry.charged_micros, entry.status, entry.client_left),
        (CHARGE, None, true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_gateway_gives_up_in_html_while_the_work_runs_on() {
    for (fault, status, after, sign) in [
        ("gateway-timeout", 504, 60.0, "nginx"),
        ("gateway-timeout@30", 504, 30.0, "nginx"),
        ("cloudflare-524", 524, 100.0, "cloudflare"),
    ] {
        let provider = provider(fault);
        let (seconds, response) = seconds(call(&provider, GEMINI)).await;
        let response = response.unwrap();
        assert!(close(seconds, after), "{fault}: {seconds}");
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "text/html");
        let page = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&page).contains(sign));
        let entry = only_entry(&provider).await;
        assert_eq!(
            (entry.charged_micros, entry.answered, entry.delivered),
            (CHARGE, true, false)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_leads_to_a_path_that_works_and_is_free() {
    let provider = provider("redirect");
    let response = call(&provider, OPENAI).await.unwrap();
    assert_eq!(response.status(), 307);
    let elsewhere = response.headers()["location"].to_str().unwrap().to_owned();
    drop(response);
    assert_eq!(provider.oracle().totals().charged, 0);
    let followed = Request::post(elsewhere).body(text(OPENAI)).unwrap();
    assert_eq!(send(&provider, followed).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_overload_may_tell_how_long_to_wait() {
    let provider = provider("overloaded-for@30");
    let response = call(&provider, OPENAI).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    assert_eq!(only_entry(&provider).await.charged_micros, 0);
}

/// The provider's own word is free however late it comes; a proxy's is not.
#[tokio::test(start_paused = true)]
async fn a_late_503_is_free_only_where_nothing_was_begun() {
    for (script, content_type, charged) in [
        ("overloaded-after@80", "application/json", 0),
        ("envoy-503@80+takes@120", "text/plain", 240_000),
    ] {
        let provider = provider(script);
        let (after, response) = seconds(call(&provider, OPENAI)).await;
        assert!(close(after, 80.0), "{script}: {after}");
        let response = response.unwrap();
        assert_eq!(response.status(), 503, "{script}");
        assert_eq!(response.headers()["content-type"], content_type, "{script}");
        assert_eq!(
            only_entry(&provider).await.charged_micros,
            charged,
            "{script}"
        );
    }
}
