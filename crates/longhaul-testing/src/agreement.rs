//! Whether our books are true is the one thing that no unit test shows. The provider's oracle knows what it received,
//! made and charged; the ledger knows what our side believes. Here both are laid side by side, attempt by attempt and
//! in sum. Each difference is a sentence and not a panic, so a test that runs a thousand operations shows all of them
//! at once.

use std::collections::HashMap;

use longhaul::{
    Attempt, Class, Currency, Money,
    billing::{Record, Totals},
};
use longhaul_sim::{Entry, Received};

/// In what a ledger differs from the simulated provider's oracle, attempt by attempt; empty where they agree.
///
/// Attempts are joined by idempotency key and attempt number, so the policy must send both. Ask only after
/// `oracle.settled()`. They agree when:
///
/// - every request that the provider read whole has exactly one entry in the ledger, and what our side says
///   was never or only partly sent was not read whole;
/// - what our side calls refused was not charged, and what was charged has an exposure;
/// - what our side calls delivered was charged, and its last byte was written;
/// - all that was charged lies between the ledger's certain and possible sums.
///
/// The strings name the operation and the attempt, for a failing test's output:
///
/// ```
/// use longhaul_testing::disagreements;
///
/// assert!(disagreements(&[], &[]).is_empty(), "nobody did anything");
/// ```
pub fn disagreements(ledger: &[Record], oracle: &[Entry]) -> Vec<String> {
    // Whoever only collected what another attempt had ordered sent nothing that could be charged.
    let ordered: Vec<_> = ledger
        .iter()
        .filter(|record| !is_collection(record))
        .cloned()
        .collect();
    let ledger = &ordered[..];
    let requests = by_attempt(oracle, of_entry);
    let records = by_attempt(ledger, of_record);
    let mut found = Vec::new();
    for record in ledger {
        let entries = of_record(record).and_then(|attempt| requests.get(&attempt));
        let entries = entries.map_or(&[][..], Vec::as_slice);
        found.extend(
            about(record, entries)
                .into_iter()
                .map(|what| format!("{}: {what}", name(record))),
        );
    }
    for entry in oracle
        .iter()
        .filter(|entry| entry.received == Received::Whole)
    {
        let records = of_entry(entry).and_then(|attempt| records.get(&attempt));
        let records = records.map_or(0, Vec::len);
        if records != 1 {
            found.push(format!("request {} has {records} entries", entry.number));
        }
    }
    found.extend(sums(ledger, oracle));
    found
}

/// Whether it delivered, and cost nothing.
///
/// Where one attempt submits a task and a later one collects it, the first is the one that is charged; the second has
/// an entry of its own, with no exposure.
fn is_collection(record: &Record) -> bool {
    record.closing.as_ref().is_some_and(|closing| {
        let outcome = closing.outcome;
        outcome.class == Class::Delivered && outcome.exposure.probability.as_permille() == 0
    })
}

/// In what a ledger differs from what the attempts themselves say, once all have ended: each has one outcome and, unless
/// it was never sent, one closed entry with that outcome; no entry is of any other attempt.
///
/// Where [`disagreements`] asks whether the ledger is true, this asks whether it is complete: an entry could be missing
/// on both sides.
pub(crate) fn unrecorded(attempts: &[Attempt], ledger: &[Record]) -> Vec<String> {
    let mut records = HashMap::<_, Vec<_>>::new();
    for record in ledger {
        let named = (record.opening.operation, record.opening.attempt);
        records.entry(named).or_default().push(record);
    }
    let mut found = Vec::new();
    for attempt in attempts {
        let Some(outcome) = attempt.outcome_now() else {
            found.push(format!("{attempt:?} has no outcome"));
            continue;
        };
        let entries = records.remove(&(attempt.operation(), attempt.number()));
        match &entries.unwrap_or_default()[..] {
            [] if outcome.class == Class::NeverSent => {}
            [entry] => {
                let closing = entry.closing.as_ref();
                if closing.map(|closing| closing.outcome) != Some(outcome) {
                    found.push(format!("{attempt:?}, but the entry says {closing:?}"));
                }
            }
            entries => found.push(format!("{attempt:?} has {} entries", entries.len())),
        }
    }
    let foreign = records.into_values().flatten();
    found.extend(foreign.map(|record| format!("of no attempt: {record:?}")));
    found
}

/// The idempotency key and the number, by which both sides name an attempt.
type Named<'a> = (&'a str, u32);

/// How the ledger names the attempt of an entry; `None` where it was sent without a key.
fn of_record(record: &Record) -> Option<Named<'_>> {
    let opening = &record.opening;
    Some((opening.idempotency_key.as_deref()?, opening.attempt))
}

/// How the provider names the attempt of a request; `None` where a header is missing.
fn of_entry(entry: &Entry) -> Option<Named<'_>> {
    Some((entry.key.as_deref()?, entry.attempt?))
}

/// Each attempt's items, of which there may be a hundred thousand.
fn by_attempt<'a, T>(
    items: &'a [T],
    attempt: impl Fn(&'a T) -> Option<Named<'a>>,
) -> HashMap<Named<'a>, Vec<&'a T>> {
    let mut by_attempt = HashMap::<_, Vec<_>>::new();
    for item in items {
        if let Some(attempt) = attempt(item) {
            by_attempt.entry(attempt).or_default().push(item);
        }
    }
    by_attempt
}

/// How a sentence names an entry.
fn name(record: &Record) -> String {
    format!(
        "{} attempt {}",
        record.opening.operation, record.opening.attempt
    )
}

/// What is wrong with one entry of the ledger, given the requests that reached the provider for it.
fn about(record: &Record, entries: &[&Entry]) -> Vec<String> {
    let Some(closing) = &record.closing else {
        return vec!["it is still open".to_owned()];
    };
    let class = closing.outcome.class;
    let read_whole = entries
        .iter()
        .any(|entry| entry.received == Received::Whole);
    let charged: u64 = entries.iter().map(|entry| entry.charged_micros).sum();
    let answered = entries.iter().any(|entry| entry.answered);

    let mut found = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("{class}, but {what}"));
        }
    };
    check(
        !class.is_unsent() || !read_whole,
        "the provider read the whole request",
    );
    let free = closing.outcome.exposure.probability.as_permille() == 0;
    check(!free || charged == 0, "the provider charged it");
    let delivered = class == Class::Delivered;
    check(!delivered || charged > 0, "the provider did not charge it");
    check(
        !delivered || answered,
        "the provider did not write the last byte",
    );
    found
}

/// The provider's bill against the ledger's bounds.
///
/// `None` where the charge lies within. Only dollars are counted, which the simulator charges in.
fn sums(ledger: &[Record], oracle: &[Entry]) -> Option<String> {
    let charged: u64 = oracle.iter().map(|entry| entry.charged_micros).sum();
    let charged = i64::try_from(charged).unwrap_or(i64::MAX);
    let bounds = Totals::of(ledger).in_currency(Currency::USD);
    let (certain, possible) = bounds.map_or((0, 0), |amounts| {
        (amounts.certain.micros, amounts.possible.micros)
    });
    (!(certain..=possible).contains(&charged)).then(|| {
        let money = Money::usd_micros;
        format!(
            "the provider charged {}, outside of {} to {}",
            money(charged),
            money(certain),
            money(possible)
        )
    })
}
