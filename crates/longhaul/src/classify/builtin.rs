//! The built-in rules for answers.

use crate::model::{Class, Classification, Probability, class_of, retry_after_in_headers};
use http::StatusCode;

use super::{
    EndOfStream, Head, HeadDecision,
    answer::{AnswerFacts, BodyKind, Key, ProviderError},
    recognise::{by_page, by_reason, by_words},
    wait::retry_after_in_body,
};
use crate::model::Workload;

pub(super) fn head(head: &Head<'_>) -> HeadDecision {
    match BodyKind::of(head.headers) {
        // What is inside is not ours to unpack, and what streams is not ours to hold: the head decides.
        BodyKind::Encoded | BodyKind::Events => match class_of(head.status) {
            Some(class) => HeadDecision::Classified(
                Classification::of(class).with_wait(retry_after_in_headers(head.headers)),
            ),
            None => HeadDecision::Stream,
        },
        _ => HeadDecision::ReadBody,
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
    let classification = match class_of(head.status) {
        Some(class) => failure(class, head, body, facts),
        None => success(head.status, head.workload, facts),
    };
    classification.with_wait(retry_after_in_headers(head.headers).max(retry_after_in_body(facts)))
}

pub(super) fn passed(passed: &EndOfStream<'_>) -> Classification {
    success(passed.status, passed.workload, passed.facts)
        .with_wait(retry_after_in_body(passed.facts))
}

/// An answer that is no success. The provider's own words come first, since they say most; then whoever
/// on the way put its page or its header there; then the bare status.
///
/// A 502 or 504 in JSON that no row knows stays a cut: relays speak JSON too, and new-api's own experience
/// is that those are charged.
fn failure(class: Class, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
    let words = |error: &ProviderError| by_words(error, head.status);
    let error = facts.error.as_ref().or(facts.root_error.as_ref());
    error
        .and_then(words)
        .or_else(|| by_page(head.status, head.headers, body, facts.error.is_some()))
        .unwrap_or_else(|| Classification::of(class))
}

/// A success, seen to its end.
fn success(status: StatusCode, workload: &Workload, facts: &AnswerFacts) -> Classification {
    // Whoever asked for something else than a picture got what they asked for.
    if !workload.recognised || !facts.whole || facts.evidence.images > 0 {
        return Classification::of(Class::Delivered);
    }
    let uncharged = facts.uncharged.then_some(Probability::ZERO);
    if let Some(error) = &facts.error {
        return error_inside(error, status).with_charged(uncharged);
    }
    let evidence = &facts.evidence;
    let finish = evidence.finish_reason.as_deref();
    let block = evidence.block_reason.as_deref();
    let refusal = finish
        .and_then(|reason| by_reason(Key::FinishReason, reason))
        .or_else(|| by_reason(Key::BlockReason, block?));
    let says_nothing =
        facts.json || matches!(facts.kind, BodyKind::Json | BodyKind::Text) || evidence.bytes == 0;
    let class = match refusal {
        Some(class) => class,
        // Drafts alone are no picture: the last one is the answer, and it did not come.
        None if says_nothing => Class::NoImage,
        None => Class::Delivered,
    };
    Classification::of(class).with_charged(uncharged)
}

/// A 200 with an error in it, as OpenRouter and streams have it when generation breaks. Its words count;
/// then its code, if that is a status; a plain failure otherwise.
///
/// The class's own prior stands: one-api charges whatever was a 200, OpenRouter charges nothing that was
/// not completed, and [`ChargeRule`](crate::billing::ChargeRule) can say so for each.
fn error_inside(error: &ProviderError, status: StatusCode) -> Classification {
    let code = error.code().and_then(|code| code.parse().ok());
    let inner = code.and_then(|code| StatusCode::from_u16(code).ok());
    by_words(error, inner.unwrap_or(status))
        .or_else(|| Some(Classification::of(class_of(inner?)?)))
        .unwrap_or_else(|| Classification::of(Class::ServerError))
}
