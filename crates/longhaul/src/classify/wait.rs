//! How long the server asks to wait, in the body of its answer.

use std::time::Duration;

use super::answer::{AnswerFacts, Key};
use crate::model::retry_after::seconds;

/// The longest wait that the error asks for: `google.rpc.RetryInfo` (`"18.5s"`), `quotaResetDelay`
/// (`"373.8ms"`), `retry_after` (`20`); where there is none of these, what its message says in prose.
pub(super) fn retry_after_in_body(facts: &AnswerFacts) -> Option<Duration> {
    let error = facts.error.as_ref().or(facts.root_error.as_ref())?;
    let spans = error
        .all(Key::RetryDelay)
        .chain(error.all(Key::QuotaResetDelay))
        .filter_map(span);
    let numbers = error
        .all(Key::RetryAfter)
        .filter_map(|wait| seconds(wait).or_else(|| span(wait)));
    spans
        .chain(numbers)
        .max()
        .or_else(|| error.all(Key::Message).filter_map(in_prose).max())
}

/// “Please retry in 10h17m5.7s.”, “Please try again in 20s.”
fn in_prose(message: &str) -> Option<Duration> {
    let (_, rest) = ["retry in ", "try again in "]
        .into_iter()
        .find_map(|phrase| message.split_once(phrase))?;
    let word = rest.split_whitespace().next()?;
    span(word.trim_end_matches(['.', ',', ')']))
}

/// A span as Go and protobuf write it: numbers, fractions too, each with its unit.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, next) = unit.split_at(end.unwrap_or(unit.len()));
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = number.parse::<f64>().ok()? * factor;
        sum = sum.checked_add(Duration::try_from_secs_f64(part).ok()?)?;
        rest = next;
    }
    (!text.trim().is_empty()).then_some(sum)
}
