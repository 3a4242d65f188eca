//! One row of a provider's log, whatever format it came in.
//!
//! What the formats have in common. A row is told apart from another one by its content, or by its name where it has
//! one: which of its fields are names differs by format, and the readers fill `id` only with what is one.

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{Duration, SystemTime},
};

use longhaul::Money;
use serde::{Serialize, Serializer};

use super::time;

/// What a row of a provider's log is about.
///
/// ```
/// use longhaul_ledger::reconcile::{LogFormat, RowKind, read};
///
/// // A top-up (type 1) and a call (type 2) of New-API's.
/// let log = r#"[{"created_at": 1768608000, "type": 1, "quota": 5000000},
///               {"created_at": 1768608090, "type": 2, "quota": 120000, "use_time": 90}]"#;
/// let rows = read(&LogFormat::new_api(), "log.json", log.as_bytes())?;
/// assert_eq!((rows[0].kind, rows[1].kind), (RowKind::Other, RowKind::Charge));
/// assert_eq!(rows[0].amount.micros, 0, "no call was charged by it");
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[non_exhaustive]
pub enum RowKind {
    /// A call that was charged.
    Charge,
    /// Money that was given back.
    Credit,
    /// Neither: a top-up, a login, a call that failed. It only shows that the log covers its time.
    Other,
}

/// One row of a provider's log. Some two hundred bytes in memory.
///
/// Amounts are in the currency's millionths, whatever unit the log counts in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct LogRow {
    /// What it is about.
    pub kind: RowKind,
    /// The log's own name for the row, where it has one.
    pub id: Option<Arc<str>>,
    /// The id that the answer to the call carried.
    pub request_id: Option<Arc<str>>,
    /// The model.
    pub model: Option<Arc<str>>,
    /// When the call began, on the provider's clock, where the log tells.
    ///
    /// Where the log tells an end, the end minus the duration; with both in whole seconds it is wrong by up to two.
    #[serde(serialize_with = "optional_time")]
    pub start: Option<SystemTime>,
    /// When the row was written, on the provider's clock: New-API writes it at the end of the call.
    #[serde(serialize_with = "time_of_day")]
    pub logged_at: SystemTime,
    /// How long the call took, on the provider's clock.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Option<Duration>,
    /// What was charged or given back, never below zero.
    pub amount: Money,
}

impl LogRow {
    /// The name by which the provider's support finds it.
    ///
    /// ```
    /// use longhaul_ledger::reconcile::{LogFormat, read};
    ///
    /// let log = r#"{"id": 3, "created_at": 1768608090, "type": 2, "quota": 1, "request_id": "2026011700"}"#;
    /// let rows = read(&LogFormat::new_api(), "log.json", log.as_bytes())?;
    /// assert_eq!(rows[0].name().map(|name| &**name), Some("2026011700"), "New-API's ids repeat");
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    pub fn name(&self) -> Option<&Arc<str>> {
        self.request_id.as_ref().or(self.id.as_ref())
    }

    /// Whether another row with the same content is this one again, and not one like it.
    pub(super) const fn has_name(&self) -> bool {
        self.request_id.is_some() || self.id.is_some()
    }

    /// Any order in which equal rows stand together, those of one request id too.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        fn key(row: &LogRow) -> impl Ord + '_ {
            (
                (&row.request_id, &row.id, row.kind, row.logged_at),
                (row.amount.micros, row.amount.currency.as_str()),
                (&row.model, row.start, row.duration),
            )
        }
        key(self).cmp(&key(other))
    }
}

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) file: u32,
    /// From 1; 0 where the format does not tell.
    pub(super) line: u64,
}

fn time_of_day<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time::text(*time))
}

fn optional_time<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => time_of_day(time, serializer),
        None => serializer.serialize_none(),
    }
}

pub(super) fn micros<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    span.map(crate::store::span_micros).serialize(serializer)
}
