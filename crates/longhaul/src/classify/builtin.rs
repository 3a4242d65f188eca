//! The built-in rules for answers.
//!
//! The order in which words are believed: the provider's own error object, then whoever on the way signed the answer, then
//! the bare status. A status says least, since proxies, relays and providers use the same ones for different things.
//!
//! What is free is decided narrowly. Inside a success nothing is, unless the answer says so; a refusal that nobody signed is,
//! while the model cannot have worked yet.

use std::time::Duration;

use http::StatusCode;

use super::{
    Class, Classification, EndOfStream, Head, HeadDecision, Probability,
    answer::{AnswerFacts, AnswerKey, BodyKind, ProviderError},
    recognise::{by_page, by_reason, by_words},
    wait::{retry_after_in_body, retry_after_in_text},
};
use crate::model::{Money, Workload, class_of, retry_after_in_headers};

/// A refusal without a sender counts as one only while the work cannot have been done: a front door needs no longer.
///
/// No picture is done by then: the guide's fastest takes 30 s.
const FRONT_DOOR: Duration = Duration::from_secs(10);

/// How likely an answer to a picture call is charged that is encoded and cannot be read here.
const UNREAD: Probability = Probability::permille(900);

pub(super) fn head(head: &Head<'_>) -> HeadDecision {
    match BodyKind::of(head.headers) {
        // What streams is not ours to hold: where it is an error, the head decides.
        BodyKind::Events => match class_of(head.status) {
            Some(class) => HeadDecision::Classified(
                Classification::of(class).with_wait(retry_after_in_headers(head.headers)),
            ),
            None => HeadDecision::Stream,
        },
        _ => HeadDecision::ReadBody,
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
    let in_headers = retry_after_in_headers(head.headers);
    let (classification, in_body) = match class_of(head.status) {
        Some(class) => {
            let in_text = || retry_after_in_text(plain_text(body, facts)?);
            (
                failure(class, head, body, facts),
                retry_after_in_body(facts).or_else(in_text),
            )
        }
        None => (
            success(head.status, head.workload, facts, head.waited),
            retry_after_in_body(facts),
        ),
    };
    classification.with_wait(in_headers.max(in_body))
}

pub(super) fn passed(passed: &EndOfStream<'_>) -> Classification {
    success(passed.status, passed.workload, passed.facts, passed.waited)
        .with_wait(retry_after_in_body(passed.facts))
}

/// An answer that is no success. The provider's own words come first, since they say most; then whoever
/// on the way put its page or its header there; then the bare status.
fn failure(class: Class, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
    let words = |error: &ProviderError| by_words(error, head.status);
    let object = facts.error.is_some();
    let errors = facts.error.iter().chain(&facts.root_error);
    let said = errors.filter_map(words).next();
    let page = || by_page(head.status, head.headers, body, object);
    let text = || words(&ProviderError::of_text(plain_text(body, facts)?));
    let is_own = object || said.is_some();
    let found = said.or_else(page).or_else(text);
    let classification = match found {
        Some(found) => found,
        None => Classification::of(by_status(class, head, object)),
    };
    let classification = if !is_own && is_late_refusal(&classification, head) {
        Classification {
            class: Class::IntermediaryCut,
            ..classification
        }
    } else {
        classification
    };
    classification.charged_or(facts.uncharged.then_some(Probability::ZERO))
}

/// What the status alone says. A 502 in the provider's own JSON that comes at once is its word that it has no server to do
/// the work; later, and without an error object, something broke while the work went on: relays speak JSON too, and
/// new-api's own experience is that those are charged.
fn by_status(class: Class, head: &Head<'_>, object: bool) -> Class {
    let at_once = head.waited.is_some_and(|waited| waited <= FRONT_DOOR);
    if object && at_once && head.status == StatusCode::BAD_GATEWAY {
        Class::Unavailable
    } else {
        class
    }
}

/// Whether a refusal without a sender came when the work may have been done. One that says that it passed nothing on
/// (a circuit that is open) is free whenever it comes.
fn is_late_refusal(classification: &Classification, head: &Head<'_>) -> bool {
    let refused = match classification.class {
        Class::RateLimited | Class::Unavailable => true,
        Class::Overloaded => classification.answered_by.is_none(),
        _ => false,
    };
    let bare = matches!(head.status.as_u16(), 429 | 503 | 529);
    refused && bare && head.waited.is_some_and(|waited| waited > FRONT_DOOR)
}

/// What people read, where it is neither JSON nor a page.
fn plain_text<'b>(body: &'b [u8], facts: &AnswerFacts) -> Option<&'b str> {
    const LINE: usize = 1024;
    let text = body.trim_ascii();
    let is_text = !facts.json && !facts.page && text.len() <= LINE && !text.starts_with(b"<");
    is_text.then(|| std::str::from_utf8(text).ok()).flatten()
}

/// A success, seen to its end.
fn success(
    status: StatusCode,
    workload: &Workload,
    facts: &AnswerFacts,
    waited: Option<Duration>,
) -> Classification {
    // Whoever asked for something else than a picture got what they asked for.
    if !workload.recognised || !facts.whole {
        return Classification::of(Class::Delivered);
    }
    if facts.kind == BodyKind::Encoded && facts.evidence.bytes > 0 {
        return Classification::of(Class::Delivered).charged_or(Some(UNREAD));
    }
    let found = without_price(status, workload, facts, waited);
    if facts.uncharged {
        return found.charged_or(Some(Probability::ZERO));
    }
    match told_price(facts) {
        Some(Money { micros: 0, .. }) => found.charged_or(Some(Probability::ZERO)),
        Some(price) => found.charged_or(Some(Probability::ONE)).with_price(price),
        None => found,
    }
}

/// What the answer itself says that it cost. Nothing, where it is only the fee of the relay that passed it on
/// (`is_byok`), or where a relay counts nothing at all beside a picture.
///
/// Dollars: the fields that are read are those of relays that bill in them.
fn told_price(facts: &AnswerFacts) -> Option<Money> {
    let evidence = &facts.evidence;
    let counts_nothing = evidence.images > 0 && evidence.output_tokens.unwrap_or_default() == 0;
    let cost = evidence.cost_micros?;
    let is_the_price = !(facts.byok || cost == 0 && counts_nothing);
    is_the_price.then(|| Money::usd_micros(cost))
}

fn without_price(
    status: StatusCode,
    workload: &Workload,
    facts: &AnswerFacts,
    waited: Option<Duration>,
) -> Classification {
    let evidence = &facts.evidence;
    if evidence.images > 0 {
        let came = (evidence.images < workload.images)
            .then(|| Probability::of(evidence.images, workload.images));
        return Classification::of(Class::Delivered).charged_or(came);
    }
    if let Some(error) = facts.error.as_ref().filter(|error| !error.tells_success()) {
        return told_inside(error, status).unwrap_or_else(|| Classification::of(Class::NoImage));
    }
    if let Some(found) = facts
        .root_error
        .as_ref()
        .and_then(|error| told_inside(error, status))
    {
        return found;
    }
    if facts.accepted || status == StatusCode::ACCEPTED {
        return Classification::of(Class::Accepted);
    }
    // A portal, a firewall, a maintenance page: nobody who makes pictures.
    if facts.page {
        let late = waited.is_some_and(|waited| waited > FRONT_DOOR);
        return Classification::of(if late {
            Class::IntermediaryCut
        } else {
            Class::Unavailable
        });
    }
    let finish = evidence.finish_reason.as_deref();
    let block = evidence.block_reason.as_deref();
    let refusal = finish
        .and_then(|reason| by_reason(AnswerKey::FinishReason, reason))
        .or_else(|| by_reason(AnswerKey::BlockReason, block?));
    let says_nothing =
        facts.json || matches!(facts.kind, BodyKind::Json | BodyKind::Text) || evidence.bytes == 0;
    match refusal {
        Some(class) => Classification::of(class),
        // Drafts alone are no picture: the last one is the answer, and it did not come.
        None if says_nothing => Classification::of(Class::NoImage).empty(is_empty_result(facts)),
        None => Classification::of(Class::Delivered),
    }
}

/// Whether an answer without a picture says nothing else either: no words, no refusal, no limit that was reached.
fn is_empty_result(facts: &AnswerFacts) -> bool {
    const NO_REASON: [&str; 8] = [
        "stop",
        "SUCCESS",
        "NO_IMAGE",
        "IMAGE_OTHER",
        "OTHER",
        "FINISH_REASON_UNSPECIFIED",
        "completed",
        "succeeded",
    ];
    let evidence = &facts.evidence;
    let no_reason = evidence.finish_reason.as_deref().is_none_or(|reason| {
        NO_REASON
            .iter()
            .any(|none| reason.eq_ignore_ascii_case(none))
    });
    let root = facts.root_error.as_ref();
    no_reason
        && !facts.words
        && evidence.block_reason.is_none()
        && facts.kind != BodyKind::Text
        && !root.is_some_and(ProviderError::tells_failure)
}

/// What a 200 with an error in it means, as OpenRouter has it when generation breaks, and as MiniMax and others say every
/// error. Its words count, then its code, if that is a status. One that is not known is an answer without a picture:
/// nothing says that another would bring one, nor that this one was free.
fn told_inside(error: &ProviderError, status: StatusCode) -> Option<Classification> {
    let code = error.failing_code().and_then(|code| code.parse().ok());
    let inner = code.and_then(|code| StatusCode::from_u16(code).ok());
    by_words(error, inner.unwrap_or(status)).or_else(|| Some(Classification::of(own_word(inner?)?)))
}

/// What a status means in the API's own JSON: its word, and no proxy's.
fn own_word(status: StatusCode) -> Option<Class> {
    Some(match (status.as_u16(), class_of(status)?) {
        (504 | 522 | 524, Class::IntermediaryCut) => Class::ModelDeadline,
        (_, Class::IntermediaryCut | Class::NeverSent) => Class::Unavailable,
        (_, class) => class,
    })
}
