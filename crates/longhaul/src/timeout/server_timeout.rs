//! Telling the server how long it is waited for.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use tokio::time::Instant;

use super::selector::AttemptTimeouts;
use crate::{attempt::Deadline, config::hosts};

const X_SERVER_TIMEOUT: HeaderName = HeaderName::from_static("x-server-timeout");

/// Writes `X-Server-Timeout`, in whole seconds, on a request to one of Google's hosts, unless the caller
/// has: the shortest of the limit until the picture begins, the attempt's and what is left of the operation, since a server that
/// works on past it works for nobody.
pub(super) fn tell<B>(
    request: &mut Request<B>,
    timeouts: &AttemptTimeouts,
    deadline: Option<Deadline>,
) {
    let host = request.uri().host().unwrap_or_default();
    if !hosts::matches("*.googleapis.com", host) {
        return;
    }
    let left =
        deadline.map(|deadline| deadline.instant().saturating_duration_since(Instant::now()));
    let Some(limit) = [timeouts.picture, timeouts.attempt, left]
        .into_iter()
        .flatten()
        .min()
    else {
        return;
    };
    request
        .headers_mut()
        .entry(X_SERVER_TIMEOUT)
        .or_insert_with(|| HeaderValue::from(whole_seconds(limit)));
}

/// Rounded up, and at least one: zero would mean no limit to some, and none at all to others.
fn whole_seconds(limit: Duration) -> u64 {
    let seconds = limit.as_secs();
    seconds
        .saturating_add(u64::from(limit.subsec_nanos() > 0))
        .max(1)
}
