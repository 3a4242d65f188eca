//! How long the server asks to wait, in the body of its answer.
//!
//! Providers put the wait into details, into fields of their own, or only into the sentence for people. A wait that is not
//! found means that the call is sent again too early, and refused again.

use std::time::Duration;

use super::answer::{AnswerFacts, AnswerKey};
use crate::model::retry_after::seconds;

/// The longest wait that the error asks for: `google.rpc.RetryInfo` (`"18.5s"`), `quotaResetDelay`
/// (`"373.8ms"`), `retry_after` (`20`); where there is none of these, what its message says in words.
pub(super) fn retry_after_in_body(facts: &AnswerFacts) -> Option<Duration> {
    let errors = || facts.error.iter().chain(&facts.root_error);
    let all = |key| errors().flat_map(move |error| error.all(key));
    let spans = all(AnswerKey::RetryDelay)
        .chain(all(AnswerKey::QuotaResetDelay))
        .filter_map(span);
    let numbers =
        all(AnswerKey::RetryAfter).filter_map(|wait| seconds(wait).or_else(|| span(wait)));
    let milliseconds =
        all(AnswerKey::RetryAfterMs).filter_map(|wait| seconds(wait).map(|wait| wait / 1000));
    spans.chain(numbers).chain(milliseconds).max().or_else(|| {
        all(AnswerKey::Message)
            .filter_map(retry_after_in_text)
            .max()
    })
}

/// What stands before a wait that is told in words, in small letters.
const BEFORE: [&str; 12] = [
    "retry in ",
    "retry after ",
    "try again in ",
    "try again after ",
    "reset after ",
    "reset in ",
    "resets after ",
    "resets in ",
    "available in ",
    "available again in ",
    "been timed out for ",
    "wait ",
];

/// Words that may stand between.
const FILLERS: [&str; 7] = [
    "~",
    "about ",
    "approximately ",
    "at least ",
    "another ",
    "for ",
    "up to ",
];

/// “Please retry in 10h17m5.7s.”, “Expected available in 44 seconds.”, “请在 30 秒后重试”: the longest of all that a text
/// names.
pub(super) fn retry_after_in_text(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let behind = |phrase: &'static str| {
        message.match_indices(phrase).filter_map(|(at, phrase)| {
            let mut rest = &message[at + phrase.len()..];
            while let Some(shorter) = FILLERS.iter().find_map(|filler| rest.strip_prefix(filler)) {
                rest = shorter;
            }
            Some(spans(rest).0).filter(|sum| !sum.is_zero())
        })
    };
    let chinese = message.match_indices('后').filter_map(|(at, _)| {
        let digit = |c: char| c.is_ascii_digit();
        let before = &message[..at];
        let unit = before.rfind(digit)? + 1;
        let number = before[..unit].rfind(|c: char| !digit(c) && c != '.');
        let number = number.map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        Some(spans(&before[number..]).0).filter(|sum| !sum.is_zero())
    });
    BEFORE.into_iter().flat_map(behind).chain(chinese).max()
}

/// A span as Go and protobuf write it, and nothing besides: numbers, fractions too, each with its unit.
fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (sum, rest) = spans(text);
    (!text.is_empty() && rest.is_empty()).then_some(sum)
}

/// The numbers with their units that `text` begins with, added up, and what follows them.
fn spans(text: &str) -> (Duration, &str) {
    let (mut sum, mut rest) = (Duration::ZERO, text);
    loop {
        let next = rest.trim_start_matches([' ', ',']);
        let next = next.strip_prefix("and ").unwrap_or(next);
        let digits = next
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(next.len());
        let (number, unit) = next.split_at(digits);
        let unit = unit.trim_start_matches(' ');
        let end = unit.find(|c: char| !c.is_alphabetic() || c == '后');
        let (unit, behind) = unit.split_at(end.unwrap_or(unit.len()));
        let part = number.parse::<f64>().ok().zip(seconds_of(unit));
        let part = part.and_then(|(number, unit)| Duration::try_from_secs_f64(number * unit).ok());
        let Some(longer) = part.and_then(|part| sum.checked_add(part)) else {
            return (sum, rest);
        };
        (sum, rest) = (longer, behind);
    }
}

/// How many seconds a unit has.
fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" | "day" | "days" | "天" => 86_400.0,
        "h" | "hr" | "hrs" | "hour" | "hours" | "小时" => 3600.0,
        "m" | "min" | "mins" | "minute" | "minutes" | "分钟" => 60.0,
        "s" | "sec" | "secs" | "second" | "seconds" | "秒" | "秒钟" => 1.0,
        "ms" | "msec" | "millisecond" | "milliseconds" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_words_of_any_case_and_unit() {
        for (text, wait) in [
            (
                "Please retry in 10h17m5.723541104s.",
                Some(37_025.723_541_104),
            ),
            ("Please retry after 95 seconds.", Some(95.0)),
            ("Slow down. Try again in 7 seconds.", Some(7.0)),
            ("Your quota will reset after 6h12m.", Some(22_320.0)),
            ("Expected available in 44 seconds.", Some(44.0)),
            ("RETRY AFTER 1 Hour and 5 Minutes", Some(3_900.0)),
            ("try again in about 2 mins, or upgrade", Some(120.0)),
            ("Please wait for another 350ms.", Some(0.35)),
            ("limit resets in 1 day, 2 hours", Some(93_600.0)),
            ("Your rate limit resets in ~30s.", Some(30.0)),
            ("Retry in 5s, or try again in 20 s.", Some(20.0)),
            ("请在 30 秒后重试", Some(30.0)),
            ("请求过多，2分钟后再试", Some(120.0)),
            ("wait 2 months", None),
            (
                "retry in a while; try again after the sale of 5 seconds",
                None,
            ),
            ("wait 99999999999999999999999999999999 hours", None),
            ("try again in ", None),
            ("", None),
        ] {
            let found = retry_after_in_text(text).map(|wait| wait.as_secs_f64());
            assert_eq!(found, wait, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_searched_for_a_wait(
            words in proptest::collection::vec(
                proptest::prop_oneof!["[ -~]{0,9}", "[0-9]{1,30}", "后|秒|分钟|é".prop_map(String::from), Just("retry in ".to_owned())],
                0..12,
            ),
        ) {
            let _ = retry_after_in_text(&words.concat());
        }
    }
    use proptest::prelude::{Just, Strategy as _};
}
