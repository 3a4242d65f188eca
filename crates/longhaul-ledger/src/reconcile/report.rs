//! What a reconciliation found.
//!
//! Each finding names both sides by what a person can look up: the operation and entry here, the file, line and row's
//! name there. Sums stand beside the findings, so that what is listed can be compared with what it amounts to.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc, time::SystemTime};

use longhaul::{Class, Currency, Money, OperationId};
use serde::{Serialize, Serializer};

use super::{attempts::Attempt, log::Checked, priors::Estimate, time, verdict::Verdict};
use crate::store::{EntryId, span_micros};

/// What a reconciliation found.
///
/// It serialises, so that a dry run can be kept beside the log it was made from.
///
/// Amounts in JSON are whole millionths.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Reconciliation {
    /// Whose log it was.
    pub provider: String,
    /// The names of the files that were read, in their order.
    pub files: Vec<String>,
    /// Whether the ledger was left as it was.
    pub dry_run: bool,
    /// The time that the log covers, on the provider's clock; `None` for a log without any row.
    ///
    /// As it was asked for, or from the first row to the last.
    #[serde(serialize_with = "period")]
    pub covers: Option<Range<SystemTime>>,
    /// Whether the log is whole, so that a call without a row was not charged.
    pub whole: bool,
    /// The provider's clock minus ours, in microseconds: as given, or as estimated.
    pub skew_us: i64,
    /// From how many pairs of row and attempt the skew was estimated; 0 where it was given, or no pair told it.
    pub skew_samples: u64,
    /// How many rows, attempts and verdicts there are of each kind.
    pub counts: Counts,
    /// Sums by the code of their currency. No sum mixes currencies.
    pub amounts: BTreeMap<String, Amounts>,
    /// Every discrepancy: what one side has alone, and what differs.
    ///
    /// An empty list means that log and ledger agree, as far as the log goes.
    pub findings: Vec<Finding>,
    /// Rows that stood in the files before, and were counted once.
    pub duplicates: Vec<RowRef>,
    /// Earlier verdicts that this log puts right.
    ///
    /// They are no findings: the provider said something else before.
    pub corrections: Vec<Correction>,
    /// How likely each ending is charged, as it follows from all verdicts for this provider.
    ///
    /// In the order of the classes. For an example see [`Estimate::row`].
    pub priors: Vec<Estimate>,
}

/// How many rows, attempts and verdicts a reconciliation saw, of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Rows of the log, each once.
    pub rows: u64,
    /// Rows that charge.
    pub charges: u64,
    /// Rows that give back.
    pub credits: u64,
    /// Attempts at this provider in the ledger, around the time of the log.
    pub attempts: u64,
    /// Attempts that an id joins to a row.
    pub by_request_id: u64,
    /// Attempts that time and model join to a row.
    pub by_time: u64,
    /// Attempts that are charged one by one with as many rows of one amount.
    pub by_group: u64,
    /// Attempts without a row that would have one by now: not charged.
    pub absent: u64,
    /// Attempts without a row that no log decides: they ended too late for it, or outside its span.
    ///
    /// Reconcile a later log to decide them. What an earlier log said of an attempt stays, and is
    /// [`unchanged`](Self::unchanged).
    pub pending: u64,
    /// Verdicts that are new.
    pub new: u64,
    /// Verdicts that were there before and are replaced.
    pub corrected: u64,
    /// Verdicts that were there before, and stay.
    ///
    /// A log that is read a second time has nothing but these.
    pub unchanged: u64,
}

/// Sums in one currency, in its millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Amounts {
    /// All that the log charges.
    pub charged: i64,
    /// All that it gives back.
    pub credited: i64,
    /// What the ledger expected of the attempts that now have a verdict: probability × price.
    ///
    /// Compare it with [`found`](Self::found): far apart, the policy's charge rules are wrong for this provider.
    pub expected: i64,
    /// What was charged for the same attempts.
    pub found: i64,
    /// The charges of the log that belong to no attempt.
    ///
    /// See [`FindingKind::WithoutAttempt`].
    pub without_attempt: i64,
    /// Prices of attempts that may have been charged, and have no row.
    pub without_row: i64,
    /// Prices of attempts that no log decides yet.
    pub pending: i64,
}

/// A kind of discrepancy.
///
/// ```
/// use longhaul_ledger::reconcile::FindingKind;
///
/// assert_eq!(FindingKind::AmountDiffers.name(), "AmountDiffers");
/// assert_eq!(FindingKind::ChargedTwice.to_string(), "charged more than once");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[non_exhaustive]
pub enum FindingKind {
    /// Charged, though its ending is free.
    ///
    /// The provider's own rules make it free: claim it.
    ChargedThoughFree,
    /// Not charged, though its ending is charged for certain.
    ///
    /// The class, or its probability, does not fit this provider: see [`Reconciliation::priors`].
    NotCharged,
    /// It may have been charged, and was not: the log has no row of it.
    WithoutRow,
    /// Charged with another amount than the price, also after what was given back.
    ///
    /// A price that changed, or a size that was billed as a larger one.
    AmountDiffers,
    /// One call, charged more than once.
    ///
    /// Several rows of one request id charge more than the price, and were not given back to one of them.
    ChargedTwice,
    /// Took longer than the provider promises, on its own clock.
    TookTooLong,
    /// A charge without an attempt.
    ///
    /// Another program uses the same key, or the ledger lost an entry, for example with a restored backup.
    WithoutAttempt,
    /// A refund without an attempt.
    CreditWithoutAttempt,
    /// Rows and attempts that fit each other in more than one way; no verdict was written.
    ///
    /// Its amount is that of all rows together.
    Ambiguous,
}

impl FindingKind {
    /// The name used in JSON; the same as in code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChargedThoughFree => "ChargedThoughFree",
            Self::NotCharged => "NotCharged",
            Self::WithoutRow => "WithoutRow",
            Self::AmountDiffers => "AmountDiffers",
            Self::ChargedTwice => "ChargedTwice",
            Self::TookTooLong => "TookTooLong",
            Self::WithoutAttempt => "WithoutAttempt",
            Self::CreditWithoutAttempt => "CreditWithoutAttempt",
            Self::Ambiguous => "Ambiguous",
        }
    }
}

/// For a person.
impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChargedThoughFree => "charged, though its ending is free",
            Self::NotCharged => "not charged, though its ending is charged",
            Self::WithoutRow => "not in the log, though it may have been charged",
            Self::AmountDiffers => "charged with another amount than its price",
            Self::ChargedTwice => "charged more than once",
            Self::TookTooLong => "took longer than promised, on the provider's clock",
            Self::WithoutAttempt => "charged, and not in the ledger",
            Self::CreditWithoutAttempt => "given back, and not in the ledger",
            Self::Ambiguous => "rows and attempts that cannot be told apart",
        })
    }
}

/// One discrepancy.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How much money the finding is about: what was charged, of `AmountDiffers` the difference, of an attempt without
    /// a row its price. `None` where no price is known, or the amounts are in several currencies.
    pub amount: Option<Money>,
    /// The ledger's side; several only where they are ambiguous.
    ///
    /// Empty where the log has a row alone.
    pub attempts: Vec<AttemptRef>,
    /// The log's side.
    pub rows: Vec<RowRef>,
}

/// An attempt in the ledger.
///
/// A copy of what a person needs, and not the entry itself; [`Store::entry`](crate::Store::entry) has all of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct AttemptRef {
    /// Its entry.
    pub entry: EntryId,
    /// The operation.
    pub operation: OperationId,
    /// Which of its attempts.
    pub attempt: u32,
    /// When it was opened, on our clock.
    #[serde(serialize_with = "moment")]
    pub opened_at: SystemTime,
    /// What its ending means; `None` while it runs.
    pub class: Option<Class>,
    /// How likely it was charged, in thousandths, before the log.
    pub charged_permille: Option<u16>,
    /// What it costs when charged.
    ///
    /// With its drafts.
    pub price: Option<Money>,
}

impl AttemptRef {
    pub(super) fn to(attempt: &Attempt) -> Self {
        Self {
            entry: attempt.entry,
            operation: attempt.operation,
            attempt: attempt.number,
            opened_at: attempt.opened(),
            class: attempt.end.map(|end| end.class),
            charged_permille: attempt.permille(),
            price: attempt.price,
        }
    }
}

/// A row of the log.
///
/// Its place is that of the first time that it stood in the files.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct RowRef {
    /// The file.
    pub file: String,
    /// The line of the file; 0 where the format has no lines to name.
    pub line: u64,
    /// The name by which the provider's support finds it.
    ///
    /// The request id, or else the log's own id for the row.
    pub name: Option<Arc<str>>,
    /// The model.
    pub model: Option<Arc<str>>,
    /// When the call began, or else when the row was written, on the provider's clock.
    #[serde(serialize_with = "moment")]
    pub at: SystemTime,
    /// How long the call took on the provider's clock, in microseconds.
    pub duration_us: Option<i64>,
    /// What was charged or given back.
    pub amount: Money,
}

impl RowRef {
    pub(super) fn to(log: &Checked, index: usize) -> Self {
        Self::of(log, &log.rows[index], log.places[index])
    }

    pub(super) fn of(log: &Checked, row: &super::LogRow, place: super::row::Place) -> Self {
        Self {
            file: log.files[place.file as usize].clone(),
            line: place.line,
            name: row.name().cloned(),
            model: row.model.clone(),
            at: row.start.unwrap_or(row.logged_at),
            duration_us: row.duration.map(span_micros),
            amount: row.amount,
        }
    }
}

/// An earlier verdict that this log puts right.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Correction {
    /// The entry.
    pub entry: EntryId,
    /// What an earlier log said.
    pub before: Verdict,
    /// What this log says.
    pub after: Verdict,
}

impl Reconciliation {
    /// Adds to the sums of `currency`.
    pub(super) fn sums(&mut self, currency: Currency) -> &mut Amounts {
        self.amounts
            .entry(currency.as_str().to_owned())
            .or_default()
    }

    /// The estimates as rows of `[[billing.charge_rules]]`, which a policy file takes as they are.
    ///
    /// Each with a comment that says how many attempts it stands on. Empty where no log decided anything yet.
    pub fn priors_toml(&self) -> String {
        self.priors.iter().map(Estimate::to_toml).collect()
    }
}

fn moment<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time::text(*time))
}

fn period<S: Serializer>(
    period: &Option<Range<SystemTime>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let texts = period
        .as_ref()
        .map(|period| [time::text(period.start), time::text(period.end)]);
    texts.serialize(serializer)
}
