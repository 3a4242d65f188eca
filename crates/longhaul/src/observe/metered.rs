//! Counts and durations by few labels. No host, no model and no operation is a label of its own: their number is not ours to
//! bound, and who needs one adds it.

use std::sync::Arc;

use metrics::{Label, counter, histogram};

use super::{Event, Observer};
use crate::model::{Decision, Outcome};

/// Counts by the [`metrics`] crate, each number with `labels` beside its own:
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `longhaul.attempts` | counter | class, phase, end |
/// | `longhaul.attempt.duration` | histogram, seconds | class |
/// | `longhaul.decisions` | counter | decision, reason |
///
/// A decision is `send_again`, `fall_back`, `wait_for_place`, `share_place`, `not_begun`, `probe`, `more_attempts`, `late`,
/// `longer_limit`; the reason is a class, or the rule by which it was taken.
///
/// ```
/// use longhaul::{Stack, observe, policy::Policy};
///
/// # fn example() -> Result<(), longhaul::ConfigError> {
/// let stack = Stack::new(Policy::nano_banana_pro())?.with_observer(observe::metered([("upstream", "gemini")]));
/// # Ok(()) }
/// ```
///
/// Each attempt is counted once, at its end: at the last byte of its answer, not at the head.
pub fn metered<'a>(labels: impl IntoIterator<Item = (&'static str, &'a str)>) -> Observer {
    let labels = labels.into_iter();
    let labels: Arc<[Label]> = labels
        .map(|(name, value)| Label::new(name, value.to_owned()))
        .collect();
    Observer::new(move |event: &Event<'_>| {
        if let Event::Started { attempt } = event {
            let labels = labels.clone();
            attempt.on_end(move |_, outcome| ended(&labels, outcome));
        }
        if let Some((decision, reason)) = decision(event) {
            let own = [("decision", decision), ("reason", reason)];
            counter!("longhaul.decisions", with(&labels, own)).increment(1);
        }
    })
}

fn ended(labels: &[Label], outcome: &Outcome) {
    let class = ("class", outcome.class.name());
    let all = [
        class,
        ("phase", outcome.phase.name()),
        ("end", outcome.end.name()),
    ];
    counter!("longhaul.attempts", with(labels, all)).increment(1);
    histogram!("longhaul.attempt.duration", with(labels, [class]))
        .record(outcome.duration.as_secs_f64());
}

fn with<const N: usize>(labels: &[Label], own: [(&'static str, &'static str); N]) -> Vec<Label> {
    let own = own
        .into_iter()
        .map(|(name, value)| Label::from_static_parts(name, value));
    labels.iter().cloned().chain(own).collect()
}

/// What was decided, and by which rule.
const fn decision(event: &Event<'_>) -> Option<(&'static str, &'static str)> {
    Some(match event {
        Event::Waiting { class, .. } => ("send_again", class.name()),
        Event::FallingBack { class, .. } => ("fall_back", class.name()),
        Event::QueueTimeout { .. } => ("wait_for_place", "in_flight"),
        Event::Decided { decision, .. } => match decision {
            Decision::NoTime { .. } => ("not_begun", "no_time"),
            Decision::RouteCuts { .. } => ("not_begun", "worth"),
            Decision::NoBudget { .. } => ("not_begun", "budget"),
            Decision::SpendingCap { .. } => ("not_begun", "spending_cap"),
            Decision::SharedPlace { .. } => ("share_place", "in_flight"),
            Decision::Probe { .. } => ("probe", "cut"),
            Decision::CutKnown { .. } => ("more_attempts", "cut"),
            Decision::Late { .. } => ("late", "limit"),
            Decision::LearnedLimit { .. } => ("longer_limit", "learned"),
        },
        // A late attempt is told as a decision too.
        Event::Started { .. } | Event::Late { .. } | Event::Settled { .. } => return None,
    })
}
