//! What follows for each attempt and each row.
//!
//! Each attempt is judged once, by whatever joined it, and each row is given to one attempt at most (`claimed`). What
//! was given back in full is no finding: that the provider corrected itself needs nobody's attention.

use std::{ops::Range, time::SystemTime};

use longhaul::{Currency, Money, classify::Probability};

use super::{
    super::{
        Basis,
        attempts::{self, Attempt},
        pairing::Tie,
        priors::{NewVerdict, is_charged},
        report::{AttemptRef, Correction, Finding, FindingKind, RowRef},
        row::RowKind,
        verdict::Verdict,
    },
    Engine,
};
use crate::{
    error::LedgerError,
    store::{Store, day_micros, span_micros},
};

impl Engine<'_> {
    /// Judges calls of one amount that are as many as their attempts: which is whose does not matter. Whether they are.
    ///
    /// Forty equal pictures at the same second cannot be told apart, and need not be: each cost the same. The row's own
    /// name and duration are left out of such a verdict, as nobody knows whose they are.
    pub(super) fn even(&mut self, attempts: &[Attempt], tie: &Tie) -> bool {
        let calls: Vec<_> = tie.rows.iter().map(|row| self.call_of(*row)).collect();
        let amounts = |call: &Vec<usize>| -> Vec<_> {
            let rows = call.iter().map(|index| &self.log.rows[*index]);
            rows.map(|row| (row.kind, row.amount)).collect()
        };
        let first = calls.first().map(amounts);
        if !tie.perfect || calls.iter().any(|call| Some(amounts(call)) != first) {
            return false;
        }
        let alone = calls.len() == 1;
        for (call, attempt) in calls.iter().zip(&tie.attempts) {
            let basis = if alone {
                self.found.counts.by_time += 1;
                Basis::Time
            } else {
                self.found.counts.by_group += 1;
                Basis::Group
            };
            self.judge(&attempts[*attempt], call, basis);
        }
        true
    }

    /// Nobody knows which is whose.
    ///
    /// Its rows count as taken, so that they are not reported a second time as charges without an attempt. No verdict
    /// is written: the attempts keep the likelihood of their classes.
    pub(super) fn ambiguous(&mut self, attempts: &[Attempt], tie: &Tie) {
        let calls = tie.rows.iter().flat_map(|row| self.call_of(*row));
        let rows: Vec<_> = calls.collect();
        let sum = rows
            .iter()
            .map(|index| &self.log.rows[*index])
            .filter(|row| row.kind == RowKind::Charge)
            .map(|row| Some(row.amount))
            .reduce(|sum, amount| sum?.checked_add(amount?));
        for index in &rows {
            self.claimed[*index] = true;
        }
        let of_tie = tie.attempts.iter().map(|attempt| &attempts[*attempt]);
        self.found.findings.push(Finding {
            kind: FindingKind::Ambiguous,
            amount: sum.flatten(),
            attempts: of_tie.map(AttemptRef::to).collect(),
            rows: rows
                .iter()
                .map(|index| RowRef::to(self.log, *index))
                .collect(),
        });
    }

    /// What `rows`, charges first and all in one currency, say of `attempt`.
    ///
    /// One finding for the amount at most: twice charged, or another amount than the price. Too long, and charged
    /// though free, may come beside it.
    pub(super) fn judge(&mut self, attempt: &Attempt, rows: &[usize], basis: Basis) {
        for row in rows {
            self.claimed[*row] = true;
        }
        let found: Vec<_> = rows.iter().map(|row| &self.log.rows[*row]).collect();
        let Some(mut verdict) = Verdict::of_rows(&found, basis, attempt.verdict.as_ref()) else {
            return;
        };
        let charges = || found.iter().filter(|row| row.kind == RowKind::Charge);
        let (charges, dearest) = (
            charges().count(),
            charges()
                .map(|row| row.amount.micros)
                .max()
                .unwrap_or_default(),
        );
        if basis == Basis::Group {
            // Whose name and duration these are is what nobody knows.
            (verdict.log_id, verdict.duration_us) = (None, None);
        }
        let mut report = |kind, amount| {
            self.found.findings.push(Finding {
                kind,
                amount: Some(amount),
                attempts: vec![AttemptRef::to(attempt)],
                rows: rows.iter().map(|row| RowRef::to(self.log, *row)).collect(),
            });
        };
        let (charged, net) = (verdict.charged, verdict.net());
        // What was given back in full is settled.
        if net.micros > 0 {
            if attempt.permille() == Some(0) {
                report(FindingKind::ChargedThoughFree, net);
            }
            // What comes to the price agrees with it, in however many rows.
            let agrees = [charged, net].map(Some).contains(&attempt.price);
            if charges > 1 && !agrees && net.micros > dearest {
                report(FindingKind::ChargedTwice, charged);
            } else if let Some(price) = attempt.price
                && !agrees
            {
                let difference = (price.currency == net.currency).then(|| Money {
                    micros: net.micros.saturating_sub(price.micros),
                    ..net
                });
                report(FindingKind::AmountDiffers, difference.unwrap_or(net));
            }
            let over = self.options.over.map(span_micros);
            if over.is_some_and(|over| {
                found
                    .iter()
                    .any(|row| row.duration.is_some_and(|took| span_micros(took) > over))
            }) {
                report(FindingKind::TookTooLong, net);
            }
        } else if charged.micros == 0
            && attempt.permille() == Some(1000)
            && attempt.price != Some(charged)
        {
            report(FindingKind::NotCharged, attempt.price.unwrap_or(charged));
        }
        self.settle(attempt, verdict);
    }

    /// No row speaks of `attempt`.
    ///
    /// Three answers. Where the log does not decide the attempt's time, or it still runs, what an earlier log said stays,
    /// and else nothing is known yet. Where an earlier log had a row of it, that stays too: a row once seen is never taken
    /// back by a log that lacks it. Else it was not charged, and that is its verdict.
    pub(super) fn without_row(&mut self, attempt: &Attempt, covers: &Range<SystemTime>) {
        let decided = attempt.end.filter(|end| {
            self.decides_in(covers).is_some_and(|decides| {
                attempt.opened_at >= decides.start && end.closed_at <= decides.end
            })
        });
        let (Some(end), Some(nothing)) = (decided, self.nothing(attempt)) else {
            if attempt.verdict.is_some() {
                self.found.counts.unchanged += 1;
                return;
            }
            self.found.counts.pending += 1;
            if let Some(price) = attempt.price.filter(|_| attempt.permille() != Some(0)) {
                let pending = &mut self.found.sums(price.currency).pending;
                *pending = pending.saturating_add(price.micros);
            }
            return;
        };
        self.found.counts.absent += 1;
        // Another log had a row of it.
        if attempt.verdict.as_ref().is_some_and(Verdict::has_row) {
            self.found.counts.unchanged += 1;
            return;
        }
        let kind = match end.permille {
            0 => None,
            1000 => Some(FindingKind::NotCharged),
            _ => Some(FindingKind::WithoutRow),
        };
        if let Some(kind) = kind {
            if let Some(price) = attempt.price {
                let without_row = &mut self.found.sums(price.currency).without_row;
                *without_row = without_row.saturating_add(price.micros);
            }
            self.found.findings.push(Finding {
                kind,
                amount: attempt.price,
                attempts: vec![AttemptRef::to(attempt)],
                rows: Vec::new(),
            });
        }
        self.settle(attempt, Verdict::absent(nothing));
    }

    /// No money, in the currency of the attempt or else of the log.
    ///
    /// `None` where no currency is known at all: then there is no verdict either.
    pub(super) fn nothing(&self, attempt: &Attempt) -> Option<Money> {
        let currency: Currency = match attempt.price {
            Some(price) => price.currency,
            None => (self.log.format.currency())
                .or_else(|| Some(self.log.rows.first()?.amount.currency))?,
        };
        Some(Money {
            micros: 0,
            currency,
        })
    }

    /// Keeps a verdict to be written, if it says anything new.
    ///
    /// A verdict that says what the last one said is not written again, so that the same log read twice changes
    /// nothing.
    pub(super) fn settle(&mut self, attempt: &Attempt, verdict: Verdict) {
        let found = &mut self.found;
        if let Some(end) = attempt.end
            && let Some(price) = attempt.price
        {
            let expected = price.at(Probability::permille(end.permille));
            let sums = found.sums(price.currency);
            sums.expected = sums.expected.saturating_add(expected.micros);
        }
        let sums = found.sums(verdict.charged.currency);
        sums.found = sums.found.saturating_add(verdict.charged.micros);
        match &attempt.verdict {
            Some(before) if *before == verdict => {
                found.counts.unchanged += 1;
                return;
            }
            Some(before) => {
                found.counts.corrected += 1;
                found.corrections.push(Correction {
                    entry: attempt.entry,
                    before: before.clone(),
                    after: verdict.clone(),
                });
            }
            None => found.counts.new += 1,
        }
        self.new.extend(attempt.end.map(|end| NewVerdict {
            opened_at: attempt.opened_at,
            end,
            was_charged: attempt.verdict.as_ref().map(is_charged),
            is_charged: is_charged(&verdict),
        }));
        self.changed.push((attempt.entry, verdict));
    }

    /// Credits for calls of an earlier log.
    ///
    /// One lookup for each credit that no attempt of this log's time answers for; refunds are few.
    pub(super) async fn late_credits(&mut self, store: &Store) -> Result<(), LedgerError> {
        for index in 0..self.log.rows.len() {
            let row = &self.log.rows[index];
            if self.claimed[index] || row.kind != RowKind::Credit {
                continue;
            }
            let Some(name) = row.request_id.as_deref() else {
                continue;
            };
            let Some(attempt) = attempts::of_log_id(store, &self.options.provider, name).await?
            else {
                continue;
            };
            let of_call = self.call_of(index);
            self.found.counts.attempts += 1;
            self.found.counts.by_request_id += 1;
            self.judge(&attempt, &of_call, Basis::RequestId);
        }
        Ok(())
    }

    /// Rows that no attempt is behind.
    ///
    /// Rows of nothing, as some logs have them for calls that failed, are not reported.
    pub(super) fn leftover_rows(&mut self) {
        for (index, row) in self.log.rows.iter().enumerate() {
            let kind = match row.kind {
                RowKind::Charge if row.amount.micros > 0 => FindingKind::WithoutAttempt,
                RowKind::Credit if row.amount.micros > 0 => FindingKind::CreditWithoutAttempt,
                _ => continue,
            };
            if self.claimed[index] {
                continue;
            }
            if row.kind == RowKind::Charge {
                let sum = &mut self.found.sums(row.amount.currency).without_attempt;
                *sum = sum.saturating_add(row.amount.micros);
            }
            self.found.findings.push(Finding {
                kind,
                amount: Some(row.amount),
                attempts: Vec::new(),
                rows: vec![RowRef::to(self.log, index)],
            });
        }
    }

    /// From when to when an attempt without a row was not charged, on our clock.
    pub(super) fn decides(&self) -> Option<Range<i64>> {
        self.decides_in(self.found.covers.as_ref()?)
    }

    /// `None` for a log that is a part, and for one that ends before its first rows have settled.
    ///
    /// A log that was asked for a month that still runs ends now: it has no row of what comes.
    pub(super) fn decides_in(&self, covers: &Range<SystemTime>) -> Option<Range<i64>> {
        let ours = |time: SystemTime| day_micros(time).saturating_sub(self.found.skew_us);
        let end = ours(covers.end).min(self.now);
        let settled = end.saturating_sub(span_micros(self.options.settle));
        let decides = ours(covers.start)..settled;
        (self.log.whole && !decides.is_empty()).then_some(decides)
    }
}
