//! Which rows are whose: by id, else by time and model.
//!
//! Matching by id comes first and needs no clock. What it joins sets the clocks, and only then is anything matched by
//! time.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use super::{
    super::{
        Basis,
        attempts::Attempt,
        pairing::{self, AttemptPoint, RowPoint},
        row::{LogRow, RowKind},
        time,
    },
    Engine,
};
use crate::{
    error::LedgerError,
    store::{day_micros, span_micros},
};

/// No call takes longer: attempts are looked for so long before the log's first row.
///
/// An operation's deadline is 2,250 s by default. Six hours leave room for any that a caller sets, and a window that is
/// too wide only reads more attempts.
const LONGEST_CALL: Duration = Duration::from_secs(6 * 3600);

impl Engine<'_> {
    /// When attempts were opened that the log may speak of, on our clock, whatever the skew.
    ///
    /// Wide rather than exact: an attempt that is read and fits no row costs a moment, and one that is not read makes
    /// its row a false charge.
    pub(super) fn around(&self, covers: &Range<SystemTime>) -> Range<SystemTime> {
        let given = self.options.skew_us.map(i64::saturating_abs);
        let skew = given.unwrap_or_else(|| span_micros(self.options.max_skew));
        let margin = span_micros(self.options.tolerance).saturating_add(skew);
        let starts = self.log.rows.iter().filter_map(|row| row.start).min();
        let first = starts.map_or(covers.start, |first| first.min(covers.start));
        let first = first.checked_sub(LONGEST_CALL).unwrap_or(first);
        let last = self
            .log
            .period
            .as_ref()
            .map_or(covers.end, |period| period.end.max(covers.end));
        time::shifted(first, margin.saturating_neg())..time::shifted(last, margin)
    }

    /// Joins an attempt to the rows of its request ids, or puts it aside.
    ///
    /// Where the log's ids stand in answers is learned from what matches, in this log or an earlier one. Afterwards an
    /// answer that carried another id in the same place is known to be another call, which keeps `pairing` from joining
    /// the two by time.
    pub(super) fn by_id(&mut self, attempt: Attempt) {
        self.found.counts.attempts += 1;
        let mut rows: Vec<usize> = Vec::new();
        for (place, id) in &attempt.ids {
            let of_id = self.log.of_request(id).filter(|index| self.is_free(*index));
            let before = rows.len();
            for index in of_id {
                if !rows.contains(&index) {
                    rows.push(index);
                }
            }
            let matched_before = attempt.verdict.as_ref().is_some_and(|verdict| {
                verdict.basis == Some(Basis::RequestId) && verdict.log_id.as_deref() == Some(id)
            });
            if (rows.len() > before || matched_before) && !self.places.contains(place) {
                self.places.insert(place.clone());
            }
        }
        // Charges first; one currency alone, the others stay by themselves.
        rows.sort_by_key(|index| (self.log.rows[*index].kind, *index));
        let currency = rows
            .first()
            .map(|index| self.log.rows[*index].amount.currency);
        rows.retain(|index| Some(self.log.rows[*index].amount.currency) == currency);
        if rows.is_empty() {
            self.unmatched.push(attempt);
            return;
        }
        let first = &self.log.rows[rows[0]];
        if let (RowKind::Charge, Some(start)) = (first.kind, first.start) {
            self.skews
                .push(day_micros(start).saturating_sub(attempt.opened_at));
        }
        self.found.counts.by_request_id += 1;
        self.judge(&attempt, &rows, Basis::RequestId);
    }

    /// How far the clocks are apart: the median, since a start may be late, and an id may be someone else's.
    ///
    /// A skew that was given counts as it is. An estimate beyond [`max_skew`](super::super::Options::max_skew) is
    /// refused and not used: a log in another zone is off by whole hours, and would match nothing, or the wrong calls.
    pub(super) fn set_clocks(&mut self) -> Result<(), LedgerError> {
        if self.options.skew_us.is_some() || self.skews.is_empty() {
            return Ok(());
        }
        let middle = self.skews.len() / 2;
        let skew = *self.skews.select_nth_unstable(middle).1;
        if skew.unsigned_abs() > self.options.max_skew.as_micros() as u64 {
            return Err(LedgerError::setting(
                "skew",
                format!(
                    "the provider's clock seems to be {} s from ours, by {} calls: is its time zone right? If it is, give \
                     the skew",
                    skew / 1_000_000,
                    self.skews.len()
                ),
            ));
        }
        self.found.skew_us = skew;
        self.found.skew_samples = self.skews.len() as u64;
        Ok(())
    }

    /// Joins what no id joins: each with its nearest, whatever its prior; what was proved not to have been sent gets what
    /// is left.
    ///
    /// Attempts of all other classes go first. A call that was proved unsent can only have a row if the proof was
    /// wrong, so it gets what nobody else fits.
    pub(super) fn by_time(&mut self, covers: &Range<SystemTime>) {
        let unmatched = std::mem::take(&mut self.unmatched);
        let (unsent, sent): (Vec<_>, Vec<_>) = unmatched
            .into_iter()
            .partition(|attempt| attempt.end.is_some_and(|end| end.class.is_unsent()));
        for attempts in [sent, unsent] {
            let points = attempts.iter().enumerate();
            let paired = pairing::pair(
                self.row_points(),
                points
                    .map(|(index, attempt)| self.point(index, attempt))
                    .collect(),
                span_micros(self.options.tolerance),
            );
            let mut joined = vec![false; attempts.len()];
            for (row, attempt) in paired.pairs {
                joined[attempt] = true;
                self.found.counts.by_time += 1;
                self.judge(&attempts[attempt], &self.call_of(row), Basis::Time);
            }
            for tie in paired.ties {
                for attempt in &tie.attempts {
                    joined[*attempt] = true;
                }
                if !self.even(&attempts, &tie) {
                    self.ambiguous(&attempts, &tie);
                }
            }
            for (attempt, _) in attempts.iter().zip(joined).filter(|(_, joined)| !joined) {
                self.without_row(attempt, covers);
            }
        }
    }

    /// The rows of the call whose first charge is `first`, charges first: those of its request id and currency.
    ///
    /// A relay that retries by itself charges one call in several rows of one id, and gives back in another.
    pub(super) fn call_of(&self, first: usize) -> Vec<usize> {
        let row = &self.log.rows[first];
        let Some(id) = &row.request_id else {
            return vec![first];
        };
        let mut rows: Vec<_> = self
            .log
            .of_request(id)
            .filter(|index| self.is_free(*index))
            .filter(|index| self.log.rows[*index].amount.currency == row.amount.currency)
            .collect();
        rows.sort_by_key(|index| (self.log.rows[*index].kind, *index));
        rows
    }

    /// Whether a row is about money that no attempt answers for yet.
    pub(super) fn is_free(&self, index: usize) -> bool {
        self.log.rows[index].kind != RowKind::Other && !self.claimed[index]
    }

    /// The first charge of each call.
    pub(super) fn row_points(&self) -> Vec<RowPoint> {
        let point = |(index, row): (usize, &LogRow)| {
            let free = row.kind == RowKind::Charge && self.is_free(index);
            let start = row
                .start
                .filter(|_| free && self.call_of(index)[0] == index)?;
            Some(RowPoint {
                row: index,
                start: day_micros(start).saturating_sub(self.found.skew_us),
                duration: row.duration.map(span_micros),
                model: row.model.clone(),
                has_request_id: row.request_id.is_some(),
            })
        };
        self.log.rows.iter().enumerate().filter_map(point).collect()
    }

    /// The provider's clock started between the attempt's beginning and its flush; where no flush was seen, at the
    /// beginning.
    pub(super) fn point(&self, index: usize, attempt: &Attempt) -> AttemptPoint {
        let flushed = attempt.end.and_then(|end| end.flushed).unwrap_or_default();
        AttemptPoint {
            attempt: index,
            from: attempt.opened_at,
            until: attempt.opened_at.saturating_add(flushed),
            bounds: attempt.end.and_then(|end| end.bounds),
            model: attempt.model.clone(),
            has_log_id: attempt
                .ids
                .iter()
                .any(|(place, _)| self.places.contains(place)),
        }
    }
}
