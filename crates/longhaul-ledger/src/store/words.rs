//! The words that stand in the ledger for classes, ends, phases, resolutions and rules.
//!
//! They are part of the tables, as the names of columns are: they stay what they are when the code calls things otherwise.
//! Indexes and statements hold some of them. A word that a newer version wrote is shown as it is.
//!
//! Why not the names that the core gives them: a variant may be renamed there for its readers, and every ledger that
//! exists would then hold words that nobody knows. The tests below keep the two apart, and keep the words of the first
//! version.

use longhaul::{Class, End, Phase, Resolution, billing::ClaimRule};

/// A word for each.
type Words<T> = &'static [(T, &'static str)];

/// New classes come at the end.
const CLASSES: Words<Class> = &[
    (Class::NeverSent, "NeverSent"),
    (Class::SentPartial, "SentPartial"),
    (Class::Refused, "Refused"),
    (Class::RateLimited, "RateLimited"),
    (Class::QuotaExhausted, "QuotaExhausted"),
    (Class::Overloaded, "Overloaded"),
    (Class::Unavailable, "Unavailable"),
    (Class::InFlight, "InFlight"),
    (Class::KeyReuse, "KeyReuse"),
    (Class::ClientError, "ClientError"),
    (Class::RequestTimeout, "RequestTimeout"),
    (Class::ServerError, "ServerError"),
    (Class::ModelDeadline, "ModelDeadline"),
    (Class::IntermediaryCut, "IntermediaryCut"),
    (Class::UnknownOutcome, "UnknownOutcome"),
    (Class::Undelivered, "Undelivered"),
    (Class::NoImage, "NoImage"),
    (Class::ContentBlocked, "ContentBlocked"),
    (Class::Delivered, "Delivered"),
    (Class::Redirect, "Redirect"),
    (Class::Accepted, "Accepted"),
    (Class::NotBegun, "NotBegun"),
];

const ENDS: Words<End> = &[
    (End::Finished, "Finished"),
    (End::Failed, "Failed"),
    (End::TimedOut, "TimedOut"),
    (End::Cancelled, "Cancelled"),
    (End::Superseded, "Superseded"),
    (End::Lost, LOST),
];

/// Without the phase that is unknown, for which the column is empty.
const PHASES: Words<Phase> = &[
    (Phase::Connect, "Connect"),
    (Phase::Write, "Write"),
    (Phase::Head, "Head"),
    (Phase::Body, "Body"),
];

const RESOLUTIONS: Words<Resolution> = &[
    (Resolution::K1, "K1"),
    (Resolution::K2, "K2"),
    (Resolution::K4, "K4"),
    (Resolution::Unknown, "Unknown"),
];

const RULES: Words<ClaimRule> = &[
    (ClaimRule::ChargedThoughRefused, "ChargedThoughRefused"),
    (ClaimRule::NoImage, "NoImage"),
    (ClaimRule::Undelivered, "Undelivered"),
    (ClaimRule::Duplicate, "Duplicate"),
    (ClaimRule::Over, "Over"),
];

/// The end of an entry whose writer died.
///
/// Statements compare with it: a closing that comes late replaces only such a row.
pub(crate) const LOST: &str = "Lost";

/// Lists of at most 22 words: looking through them is as quick as a map.
fn word<T: PartialEq>(words: Words<T>, of: &T) -> Option<&'static str> {
    let found = words.iter().find(|(known, _)| known == of);
    found.map(|(_, word)| *word)
}

fn meant<T: Copy>(words: Words<T>, by: &str) -> Option<T> {
    let found = words.iter().find(|(_, word)| *word == by);
    found.map(|(meant, _)| *meant)
}

/// One that was added to the core and has no word here yet has its name.
pub(crate) fn of_class(class: Class) -> &'static str {
    word(CLASSES, &class).unwrap_or_else(|| class.name())
}

/// The names of the core are tried second, for a class that has no word of its own yet. `None` is a newer version's
/// word.
pub(crate) fn class(word: &str) -> Option<Class> {
    meant(CLASSES, word).or_else(|| Class::named(word))
}

pub(crate) fn of_end(end: End) -> &'static str {
    word(ENDS, &end).unwrap_or_else(|| end.name())
}

pub(crate) fn end(word: &str) -> Option<End> {
    meant(ENDS, word).or_else(|| End::named(word))
}

/// None for the phase that nobody knows: the column is empty then.
pub(crate) fn of_phase(phase: Phase) -> Option<&'static str> {
    if phase == Phase::Unknown {
        return None;
    }
    Some(word(PHASES, &phase).unwrap_or_else(|| phase.name()))
}

pub(crate) fn phase(word: &str) -> Option<Phase> {
    meant(PHASES, word).or_else(|| Phase::named(word))
}

pub(crate) fn of_resolution(resolution: Resolution) -> &'static str {
    word(RESOLUTIONS, &resolution).unwrap_or_else(|| resolution.name())
}

pub(crate) fn resolution(word: &str) -> Option<Resolution> {
    meant(RESOLUTIONS, word).or_else(|| Resolution::named(word))
}

pub(crate) fn of_rule(rule: ClaimRule) -> &'static str {
    word(RULES, &rule).unwrap_or_else(|| rule.name())
}

pub(crate) fn rule(word: &str) -> Option<ClaimRule> {
    meant(RULES, word).or_else(|| ClaimRule::named(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_end_and_phase_has_a_word_of_its_own() {
        for class in Class::ALL {
            assert!(word(CLASSES, &class).is_some(), "{class}");
            assert_eq!(super::class(of_class(class)), Some(class));
        }
        for end in End::ALL {
            assert!(word(ENDS, &end).is_some(), "{}", end.name());
            assert_eq!(super::end(of_end(end)), Some(end));
        }
        for phase in Phase::ALL {
            let word = of_phase(phase);
            assert_eq!(word.is_none(), phase == Phase::Unknown);
            assert!(word.is_none_or(|word| super::phase(word) == Some(phase)));
        }
        for resolution in Resolution::ALL {
            assert!(word(RESOLUTIONS, &resolution).is_some());
        }
        for rule in ClaimRule::ALL {
            assert!(word(RULES, &rule).is_some(), "{rule}");
        }
    }

    /// They are in files that exist: none may ever change. What is new comes behind.
    #[test]
    fn the_words_are_those_of_the_first_version() {
        let classes: Vec<_> = CLASSES.iter().map(|(_, word)| *word).collect();
        assert_eq!(
            classes[..20].join(" "),
            "NeverSent SentPartial Refused RateLimited QuotaExhausted Overloaded Unavailable InFlight KeyReuse \
             ClientError RequestTimeout ServerError ModelDeadline IntermediaryCut UnknownOutcome Undelivered NoImage \
             ContentBlocked Delivered Redirect"
        );
        let ends: Vec<_> = ENDS.iter().map(|(_, word)| *word).collect();
        assert_eq!(
            ends.join(" "),
            "Finished Failed TimedOut Cancelled Superseded Lost"
        );
        let phases: Vec<_> = PHASES.iter().map(|(_, word)| *word).collect();
        assert_eq!(phases.join(" "), "Connect Write Head Body");
    }
}
