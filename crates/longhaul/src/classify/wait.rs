//! How long the server asks to wait, in every way it says so.

use std::time::Duration;

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};
use serde_json::Value;

use super::provider_error::ProviderError;
use crate::wall_clock::wall_clock;

/// The longest wait that the headers ask for: `retry-after-ms`, `x-ms-retry-after-ms`, `Retry-After` in
/// seconds or as a date.
pub(crate) fn told_in_headers(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .filter_map(|name| seconds(text(headers, name)?))
        .map(|milliseconds| milliseconds / 1000);
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| seconds(value).or_else(|| until(value, headers)));
    milliseconds.chain(retry_after).max()
}

/// The wait in a `google.rpc.RetryInfo`: `{"error": {"details": [{"retryDelay": "18.5s"}]}}`.
pub(super) fn told_in_body(json: &Value) -> Option<Duration> {
    ProviderError::read(json)?
        .details()
        .filter(|detail| {
            detail["@type"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("google.rpc.RetryInfo"))
        })
        .filter_map(|detail| seconds(detail["retryDelay"].as_str()?.strip_suffix('s')?))
        .max()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A number that is neither negative nor absurd; whatever else is there asks for nothing.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// The time until an HTTP date, by the server's own clock where it sends one. A date in the past asks for
/// no wait.
fn until(date: &str, headers: &HeaderMap) -> Option<Duration> {
    let until = httpdate::parse_http_date(date.trim()).ok()?;
    let now = text(headers, DATE.as_str())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(wall_clock);
    Some(until.duration_since(now).unwrap_or_default())
}
