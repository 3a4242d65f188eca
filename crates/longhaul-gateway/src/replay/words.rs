//! What callers are told of operations that they cannot have.
//!
//! Each sentence says what was sent, what it may have cost and what the caller can do. None of them has a digest, a key or
//! another caller's name in it.

use std::time::Duration;

use http::StatusCode;

use super::{PublicId, SEND_AGAIN, index::Row};
use crate::refusal::Refusal;

/// 409, never marked as free to send again: an SDK would take that mark for an order.
pub(super) fn unknown(id: PublicId) -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        "outcome_unknown",
        format!(
            "an earlier request like this one may have been charged, and nobody knows how it ended ({id}); nothing was \
             sent again: look it up at the provider, or send `{SEND_AGAIN}: true` to pay for a second one"
        ),
    )
}

/// For whoever comes back to an operation that has no answer: [`gone`] where there was one, else [`unknown`].
pub(super) fn without_answer(row: &Row) -> Refusal {
    match row.succeeded() {
        true => gone(row.id),
        false => unknown(row.id),
    }
}

/// 410: the time or the room for the answer was over, or it broke off. The key stays the operation's: making the picture
/// anew under it would be a second payment that nobody asked for.
pub(super) fn gone(id: PublicId) -> Refusal {
    Refusal::new(
        StatusCode::GONE,
        "answer_gone",
        format!(
            "the answer of {id} was paid for, and is not kept: it broke off, or was removed after its time; nothing was sent \
             again: send `{SEND_AGAIN}: true` to pay for a second one"
        ),
    )
}

/// 503 with a wait of a second: the next request begins an operation of its own.
pub(super) fn ended_free(id: PublicId) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ended_free",
        format!("the operation that this request belongs to ended before anything that costs, and another one may begin ({id})"),
    )
    .again_after(Duration::from_secs(1))
}

/// An operation that cannot be written down is not sent: after a crash nobody would know that it may have been paid.
pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "the index of operations does not answer");
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "state_unavailable",
        "the gateway's database of operations does not answer; nothing was sent",
    )
    .again_after(Duration::from_secs(5))
}
