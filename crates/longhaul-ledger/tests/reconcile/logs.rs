//! Logs as files, and attempts that were made up.

use std::time::Duration;

use longhaul::{
    Class, End, Exposure, Money, OperationId, Outcome, Phase, Resolution,
    billing::{Closing, Opening, ProviderClock, Record},
    classify::RequestId,
};
use longhaul_ledger::reconcile::{
    Finding, FindingKind, LogFormat, Options, ProviderLog, Reconciliation, prepare,
};
use longhaul_sim::log::{Answer, CONSUMED, Log, Row};

use crate::books::{Book, EPOCH, PROVIDER, at};

pub(crate) const MODEL: &str = "nano-banana-pro";

/// One 4K picture.
pub(crate) const PRICE: i64 = 240_000;

/// An attempt that was opened so many seconds after the epoch, and ended so.
pub(crate) fn attempt(seconds: f64, took: f64, class: Class) -> Record {
    let operation = OperationId::from_u128(fastrand::u128(..));
    let mut opening = Opening::new(operation, 1);
    opening.opened_at = at(seconds);
    opening.provider = Some(PROVIDER.into());
    opening.model = Some(MODEL.into());
    opening.resolution = Resolution::K4;
    opening.price = Some(Money::usd_micros(PRICE));
    let duration = Duration::from_secs_f64(took);
    let exposure = Exposure::new(class.charge_probability(), opening.price);
    let outcome = Outcome::new(End::Finished, class, Phase::Body, duration, exposure);
    let mut record = Record::open(opening);
    record.closing = Some(Closing::new(outcome));
    record
}

/// The same with an answer that carried this id.
pub(crate) fn answered(seconds: f64, took: f64, class: Class, id: &str) -> Record {
    let mut record = attempt(seconds, took, class);
    if let Some(closing) = &mut record.closing {
        let ids = RequestId::found("x-oneapi-request-id", id);
        closing.evidence.request_ids.extend(ids);
        let took = closing.outcome.duration;
        closing.provider_clock = Some(ProviderClock {
            at_least: took.saturating_sub(Duration::from_secs(1)),
            at_most: took,
        });
    }
    record
}

/// A charge for a call that began so many seconds after the epoch.
pub(crate) fn charge(seconds: i64, took: i64, id: &str) -> Row {
    Row {
        id: 0,
        created_at: EPOCH + seconds + took,
        kind: CONSUMED,
        content: String::new(),
        username: String::new(),
        token_name: String::new(),
        model_name: MODEL.to_owned(),
        quota: PRICE / 2,
        prompt_tokens: 0,
        completion_tokens: 0,
        use_time: took,
        is_stream: false,
        channel: 0,
        group: String::new(),
        request_id: id.to_owned(),
        other: String::new(),
    }
}

pub(crate) fn log_of(rows: Vec<Row>) -> Log {
    let mut log = Log { rows };
    log.rows
        .sort_by_key(|row| std::cmp::Reverse(row.created_at));
    log
}

/// Answers as a file, one a line.
pub(crate) fn file(answers: &[Answer]) -> ProviderLog {
    let lines: Vec<_> = answers
        .iter()
        .map(|answer| serde_json::to_string(answer).unwrap())
        .collect();
    let mut log = ProviderLog::new(LogFormat::new_api());
    log.add("log.ndjson", lines.join("\n").as_bytes()).unwrap();
    log
}

/// Of a log that was asked for from a minute before the epoch until long after it.
pub(crate) fn options() -> Options {
    let mut options = Options::of(PROVIDER);
    options.covers = Some(at(0.0) - Duration::from_secs(60)..at(30.0 * 86_400.0));
    options
}

pub(crate) async fn reconcile(book: &Book, log: &Log, options: &Options) -> Reconciliation {
    let log = || file(&log.pages(100));
    let found = longhaul_ledger::reconcile::reconcile(&book.store, log(), options, |_| {})
        .await
        .unwrap();
    if !options.dry_run {
        let again = prepare(&book.store, log(), options, |_| {}).await.unwrap();
        let again = again.found();
        assert_eq!((again.counts.new, again.counts.corrected), (0, 0));
        assert_eq!(
            again.priors, found.priors,
            "they follow from what is written"
        );
    }
    found
}

/// Kinds and amounts, in order.
pub(crate) fn brief(findings: &[Finding]) -> Vec<(FindingKind, Option<i64>)> {
    let mut brief: Vec<_> = findings
        .iter()
        .map(|finding| (finding.kind, finding.amount.map(|amount| amount.micros)))
        .collect();
    brief.sort();
    brief
}
