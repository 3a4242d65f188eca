//! What a log says of one attempt.
//!
//! A verdict is written beside the entry and never into it. So the entry stays what was seen here, a later log can
//! correct the verdict, and a report can tell the two apart.

use std::{fmt, sync::Arc};

use longhaul::Money;
use serde::Serialize;

use super::row::{LogRow, RowKind};
use crate::store::span_micros;

/// What joins a row of the log to an attempt.
///
/// ```
/// use longhaul_ledger::reconcile::Basis;
///
/// assert_eq!(Basis::named(Basis::Time.name()), Some(Basis::Time));
/// ```
///
/// It is kept for a person who doubts a verdict; no sum depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[non_exhaustive]
pub enum Basis {
    /// The answer carried the id that the row has.
    RequestId,
    /// Model, start and duration fit, and no other row or attempt does nearly as well.
    ///
    /// The times fit within the [tolerance](super::Options::tolerance) after the clocks were set.
    Time,
    /// As many rows as attempts, all of one amount: which row is whose does not matter.
    ///
    /// The verdict has neither the row's name nor its duration.
    Group,
    /// The log has no row of the attempt, and would have one by now.
    ///
    /// Only by a log that is whole there.
    Absence,
}

impl Basis {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::RequestId, Self::Time, Self::Group, Self::Absence];

    /// The one of that [name](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.name() == name)
    }

    /// The name used in ledgers and JSON; the same as in code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestId => "RequestId",
            Self::Time => "Time",
            Self::Group => "Group",
            Self::Absence => "Absence",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a log says of one attempt. Where there is a verdict, reports and claims go by it, and no longer by the
/// probability of the class.
///
/// Written by [`reconcile`](super::reconcile()); read by reports, claims and exports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What was charged; zero where nothing was.
    ///
    /// Before anything was given back; see [`net`](Self::net).
    pub charged: Money,
    /// How much of it was given back.
    ///
    /// In millionths of the same currency.
    pub credited_micros: i64,
    /// The provider's own name for the row.
    pub log_id: Option<Arc<str>>,
    /// How long the call took on the provider's clock, in microseconds.
    pub duration_us: Option<i64>,
    /// What joins row and attempt; `None` for what an older version wrote.
    pub basis: Option<Basis>,
}

impl Verdict {
    /// From the rows of one call, all in one currency, charges before credits. `before` is what an earlier log said: of
    /// what was given back the larger amount counts, since logs may overlap.
    ///
    /// What was given back is never more than what was charged: where only the refund is here, its charge is at least
    /// as large.
    pub(super) fn of_rows(rows: &[&LogRow], basis: Basis, before: Option<&Self>) -> Option<Self> {
        let first = rows.first()?;
        let sum = |kind| {
            rows.iter()
                .filter(|row| row.kind == kind)
                .fold(0_i64, |sum, row| sum.saturating_add(row.amount.micros))
        };
        let (charged, credited) = (sum(RowKind::Charge), sum(RowKind::Credit));
        let before = before.filter(|before| before.charged.currency == first.amount.currency);
        let credited = credited.max(before.map_or(0, |before| before.credited_micros));
        // Where only the credit is here, its charge stood in an earlier log.
        let only_credits = first.kind == RowKind::Credit;
        let earlier = before.filter(|_| only_credits);
        Some(Self {
            charged: Money {
                micros: match earlier {
                    Some(earlier) => earlier.charged.micros.max(credited),
                    None => charged.max(credited),
                },
                ..first.amount
            },
            credited_micros: credited,
            log_id: first.name().cloned(),
            duration_us: match earlier {
                Some(earlier) => earlier.duration_us,
                None => first.duration.map(span_micros),
            },
            basis: Some(basis),
        })
    }

    /// Nothing was charged, since the log has no row of it.
    pub(super) const fn absent(nothing: Money) -> Self {
        Self {
            charged: nothing.zero(),
            credited_micros: 0,
            log_id: None,
            duration_us: None,
            basis: Some(Basis::Absence),
        }
    }

    /// Whether a row of some log stands behind it.
    ///
    /// An absence never takes the place of one that has.
    pub(super) const fn has_row(&self) -> bool {
        self.charged.micros > 0 || self.credited_micros > 0 || self.log_id.is_some()
    }

    /// What was charged and not given back.
    ///
    /// ```no_run
    /// use longhaul_ledger::reconcile::Reconciliation;
    ///
    /// # fn example(found: Reconciliation) {
    /// for correction in &found.corrections {
    ///     println!("{}: {} becomes {}", correction.entry, correction.before.net(), correction.after.net());
    /// }
    /// # }
    /// ```
    pub const fn net(&self) -> Money {
        Money {
            micros: self.charged.micros.saturating_sub(self.credited_micros),
            currency: self.charged.currency,
        }
    }
}
