//! What the head of a request says.
//!
//! A test against a running program cannot change its script, so a request may carry its own fault. Headers that are
//! not understood are answered with 400 rather than passed over: a test with a mistyped fault must not pass.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

use super::Provider;
use crate::{Action, Seen, dialect::Refusal};

/// Wins over the script for one request.
const FAULT_HEADER: &str = "x-sim-fault";
/// The generation time of one request, in seconds.
const GENERATION_HEADER: &str = "x-sim-generation";

/// What the request itself asks for: an action and a generation time.
///
/// The error is a message for the client, with the name of the header in it.
pub(super) fn by_headers(
    headers: &HeaderMap,
) -> Result<(Option<Action>, Option<Duration>), String> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))
    };
    let parse = |name: &str, item: &str| {
        item.parse::<Action>()
            .map_err(|error| format!("header {name}: {error}"))
    };
    let action = text(FAULT_HEADER)
        .map(|item| parse(FAULT_HEADER, &item))
        .transpose()?;
    let timed = text(GENERATION_HEADER)
        .map(|seconds| parse(GENERATION_HEADER, &format!("none+takes@{seconds}")))
        .transpose()?;
    Ok((action, timed.and_then(|action| action.takes())))
}

impl Provider {
    /// The script's action for the request with this number.
    pub(super) fn next_action(&self, number: u64, head: &Parts) -> Action {
        let settings = &self.inner.settings;
        let seen = Seen {
            number,
            at: self.inner.clock.now(),
            path: head.uri.path(),
            key: text(&head.headers, &settings.key_header),
            attempt: attempt(&head.headers, &settings.attempt_header),
            headers: &head.headers,
        };
        let action = self.playing().next(&seen);
        // The port must be closed before the answer can make the client call again.
        #[cfg(feature = "server")]
        self.inner.doors.close_if_refusing(self);
        action
    }
}

/// A header as text; `None` where it is missing or not text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The number of the attempt, as the header says it; `None` where it says none.
pub(super) fn attempt(headers: &HeaderMap, name: &HeaderName) -> Option<u32> {
    text(headers, name)?.trim().parse().ok()
}

/// Refuses a request without the key, if one is required.
///
/// Looked for in the three headers under which the simulated APIs take keys. Which of them it is in is not held against
/// the request.
pub(super) fn check_key(provider: &Provider, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(required) = &provider.inner.settings.required_key else {
        return Ok(());
    };
    let sent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let keys = [
        sent("authorization").and_then(|value| value.strip_prefix("Bearer ")),
        sent("x-goog-api-key"),
        sent("api-key"),
    ];
    if keys.contains(&Some(required)) {
        Ok(())
    } else {
        Err(Refusal::Unauthorized)
    }
}
