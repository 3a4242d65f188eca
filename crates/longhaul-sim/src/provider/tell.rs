//! The provider's log, asked for over HTTP as at a New-API relay.
//!
//! Asking for the log is no call: it has no entry, needs no key, and is never refused.

use std::time::SystemTime;

use http::{Method, Response, StatusCode, request::Parts};

use super::{Provider, answer};
use crate::{Body, log::Log};

/// Where New-API gives an account its log.
const PATH: &str = "/api/log/self";

/// New-API's page size where none is asked for.
const PAGE_SIZE: usize = 10;

/// Whether the request is for the log and not for work.
pub(super) fn is_asked(head: &Parts) -> bool {
    head.method == Method::GET && head.uri.path() == PATH
}

/// One page of it.
///
/// Numbers that cannot be read count as not asked for, as at New-API.
pub(super) fn page(provider: &Provider, head: &Parts) -> Response<Body> {
    let asked = |name: &str| -> Option<usize> {
        let mut pairs = head.uri.query()?.split('&');
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    let log = Log::of(&provider.inner.oracle.entries(), built_at(provider));
    let page = log.page(
        asked("p").unwrap_or(1).max(1),
        asked("page_size").unwrap_or(PAGE_SIZE),
    );
    // Numbers and texts alone: it can be written.
    let text = serde_json::to_vec(&page).unwrap_or_default();
    answer::response(
        StatusCode::OK,
        "application/json",
        Body::whole(vec![text.into()]),
    )
}

/// The second at which the provider was built, by a clock that always ran at its speed.
#[expect(
    clippy::disallowed_methods,
    reason = "logs tell the time of day by nature"
)]
fn built_at(provider: &Provider) -> i64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or_default();
    seconds(now) - seconds(provider.inner.clock.now())
}
