//! What callers are told of operations that they cannot have.

use std::time::Duration;

use http::StatusCode;
use metrics::counter;

use super::{PublicId, SEND_AGAIN};
use crate::refusal::Refusal;

pub(super) fn unknown(id: PublicId) -> Refusal {
    counter!("longhaul.replays", "how" => "refused").increment(1);
    Refusal::new(
        StatusCode::CONFLICT,
        "outcome_unknown",
        format!(
            "an earlier request like this one may have been charged, and nobody knows how it ended ({id}); nothing was \
             sent again: look it up at the provider, or send `{SEND_AGAIN}: true` to pay for a second one"
        ),
    )
}

pub(super) fn ended_free(id: PublicId) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ended_free",
        format!("the operation that this request belongs to ended before anything that costs, and another one may begin ({id})"),
    )
    .again_after(Duration::from_secs(1))
}

pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "the index of operations does not answer");
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "state_unavailable",
        "the gateway cannot write down that a call begins; nothing was sent",
    )
    .again_after(Duration::from_secs(5))
}
