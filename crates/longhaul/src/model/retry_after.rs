//! How long the server asks to wait, in the headers of its answer.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName,
    header::{DATE, RETRY_AFTER},
};

use super::wall_clock;

/// The longest wait that the headers ask for: `retry-after-ms`, `x-ms-retry-after-ms`, `Retry-After` in
/// seconds or as a date.
pub(crate) fn retry_after_in_headers(headers: &HeaderMap) -> Option<Duration> {
    static MILLISECONDS: [HeaderName; 2] = [
        HeaderName::from_static("retry-after-ms"),
        HeaderName::from_static("x-ms-retry-after-ms"),
    ];
    // Nearly no answer has any of them, and one walk over its headers is cheaper than looking up three.
    if !headers
        .keys()
        .any(|name| *name == RETRY_AFTER || MILLISECONDS.contains(name))
    {
        return None;
    }
    let milliseconds = MILLISECONDS
        .iter()
        .filter_map(|name| seconds(text(headers, name)?))
        .map(|milliseconds| milliseconds / 1000);
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| seconds(value).or_else(|| until(value, headers)));
    milliseconds.chain(retry_after).max()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A number that is neither negative nor absurd; whatever else is there asks for nothing.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// The time until an HTTP date, by the server's own clock where it sends one. A date in the past asks for
/// no wait.
fn until(date: &str, headers: &HeaderMap) -> Option<Duration> {
    let until = httpdate::parse_http_date(date.trim()).ok()?;
    let now = text(headers, &DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(wall_clock);
    Some(until.duration_since(now).unwrap_or_default())
}
