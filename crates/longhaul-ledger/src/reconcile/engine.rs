//! Matching a log with the ledger, and what follows from it.

use std::{
    collections::HashSet,
    ops::Range,
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt as _;
use longhaul::{Currency, Money, classify::Probability};

use super::{
    Basis, Options,
    attempts::{self, Attempt},
    log::{Checked, ProviderLog},
    pairing::{self, AttemptPoint, RowPoint, Tie},
    priors,
    report::{AttemptRef, Correction, Counts, Finding, FindingKind, Reconciliation, RowRef},
    row::{LogRow, RowKind},
    time,
    verdict::Verdict,
    write::{self, Import},
};
use crate::{
    error::LedgerError,
    store::{EntryId, Store, day_micros, span_micros},
};

/// No call takes longer: attempts are looked for so long before the log's first row.
const LONGEST_CALL: Duration = Duration::from_secs(6 * 3600);

/// Matches `log` with the attempts in `store`, and writes down what it says of them. `progress` is told from time to time
/// how many attempts were looked at.
///
/// # Errors
///
/// [`LedgerErrorKind::File`](crate::LedgerErrorKind::File) for a log that contradicts itself or lacks rows,
/// [`LedgerErrorKind::Setting`](crate::LedgerErrorKind::Setting) for options that cannot work and for clocks that are too
/// far apart, and what the database says. Nothing is written then.
pub async fn reconcile(
    store: &Store,
    log: ProviderLog,
    options: &Options,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Reconciliation, LedgerError> {
    options.check()?;
    let current = options.current_priors()?;
    let log = log.check(options.coverage)?;
    let mut engine = Engine::new(&log, options);
    if let Some(covers) = engine.found.covers.clone() {
        let mut attempts = std::pin::pin!(attempts::of(
            store,
            &options.provider,
            engine.around(&covers)
        ));
        while let Some(attempt) = attempts.try_next().await? {
            engine.by_id(attempt);
            if engine.found.counts.attempts.is_multiple_of(1000) {
                progress(engine.found.counts.attempts);
            }
        }
        progress(engine.found.counts.attempts);
        engine.set_clocks()?;
        engine.by_time(&covers);
        engine.late_credits(store).await?;
    }
    engine.leftover_rows();

    let mut transaction = write::begin(store).await?;
    let import = Import {
        provider: &options.provider,
        files: &log.files,
        decides: engine.decides(),
    };
    write::write(&mut transaction, &import, &engine.changed).await?;
    let mut found = engine.found;
    found.priors = priors::estimate(
        &mut transaction,
        &options.provider,
        &current,
        options.prior_weight,
    )
    .await?;
    if options.dry_run {
        transaction.rollback().await?;
    } else {
        transaction.commit().await?;
    }
    Ok(found)
}

struct Engine<'a> {
    log: &'a Checked,
    options: &'a Options,
    /// Which rows have found their attempt, or are ambiguous.
    claimed: Vec<bool>,
    /// Attempts that no id joins to a row.
    unmatched: Vec<Attempt>,
    /// Where the log's ids stand in answers.
    places: HashSet<String>,
    /// Starts on their clock minus starts on ours.
    skews: Vec<i64>,
    /// Verdicts to write.
    changed: Vec<(EntryId, Verdict)>,
    found: Reconciliation,
}

impl<'a> Engine<'a> {
    fn new(log: &'a Checked, options: &'a Options) -> Self {
        let mut found = Reconciliation {
            provider: options.provider.clone(),
            files: log.files.clone(),
            dry_run: options.dry_run,
            covers: options.covers.clone().or_else(|| log.period.clone()),
            whole: log.whole,
            skew_us: options.skew_us.unwrap_or_default(),
            skew_samples: 0,
            counts: Counts {
                rows: log.rows.len() as u64,
                charges: log.count(RowKind::Charge),
                credits: log.count(RowKind::Credit),
                ..Counts::default()
            },
            amounts: Default::default(),
            findings: Vec::new(),
            duplicates: log
                .duplicates
                .iter()
                .map(|(row, place)| RowRef::of(log, row, *place))
                .collect(),
            corrections: Vec::new(),
            priors: Vec::new(),
        };
        for row in &log.rows {
            let sums = found.sums(row.amount.currency);
            match row.kind {
                RowKind::Charge => sums.charged = sums.charged.saturating_add(row.amount.micros),
                RowKind::Credit => sums.credited = sums.credited.saturating_add(row.amount.micros),
                RowKind::Other => {}
            }
        }
        Self {
            log,
            options,
            claimed: vec![false; log.rows.len()],
            unmatched: Vec::new(),
            places: HashSet::new(),
            skews: Vec::new(),
            changed: Vec::new(),
            found,
        }
    }

    /// When attempts were opened that the log may speak of, on our clock, whatever the skew.
    fn around(&self, covers: &Range<SystemTime>) -> Range<SystemTime> {
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
    fn by_id(&mut self, attempt: Attempt) {
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
            if rows.len() > before && !self.places.contains(place) {
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
    fn set_clocks(&mut self) -> Result<(), LedgerError> {
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
    fn by_time(&mut self, covers: &Range<SystemTime>) {
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
    fn call_of(&self, first: usize) -> Vec<usize> {
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
    fn is_free(&self, index: usize) -> bool {
        self.log.rows[index].kind != RowKind::Other && !self.claimed[index]
    }

    /// The first charge of each call.
    fn row_points(&self) -> Vec<RowPoint> {
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

    fn point(&self, index: usize, attempt: &Attempt) -> AttemptPoint {
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

    /// Judges calls of one amount that are as many as their attempts: which is whose does not matter. Whether they are.
    fn even(&mut self, attempts: &[Attempt], tie: &Tie) -> bool {
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
    fn ambiguous(&mut self, attempts: &[Attempt], tie: &Tie) {
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
    fn judge(&mut self, attempt: &Attempt, rows: &[usize], basis: Basis) {
        for row in rows {
            self.claimed[*row] = true;
        }
        let found: Vec<_> = rows.iter().map(|row| &self.log.rows[*row]).collect();
        let Some(mut verdict) = Verdict::of_rows(&found, basis, attempt.verdict.as_ref()) else {
            return;
        };
        let charges = found
            .iter()
            .filter(|row| row.kind == RowKind::Charge)
            .count();
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
            if charges > 1 {
                report(FindingKind::ChargedTwice, charged);
            } else if let Some(price) = attempt.price
                && price != charged
            {
                let difference = (price.currency == charged.currency).then(|| Money {
                    micros: charged.micros.saturating_sub(price.micros),
                    ..charged
                });
                report(FindingKind::AmountDiffers, difference.unwrap_or(charged));
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
    fn without_row(&mut self, attempt: &Attempt, covers: &Range<SystemTime>) {
        let decided = attempt.end.filter(|end| {
            self.decides_in(covers).is_some_and(|decides| {
                attempt.opened_at >= decides.start && end.closed_at <= decides.end
            })
        });
        let (Some(end), Some(nothing)) = (decided, self.nothing(attempt)) else {
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
    fn nothing(&self, attempt: &Attempt) -> Option<Money> {
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
    fn settle(&mut self, attempt: &Attempt, verdict: Verdict) {
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
            Some(before) if *before == verdict => found.counts.unchanged += 1,
            Some(before) => {
                found.counts.corrected += 1;
                found.corrections.push(Correction {
                    entry: attempt.entry,
                    before: before.clone(),
                    after: verdict.clone(),
                });
                self.changed.push((attempt.entry, verdict));
            }
            None => {
                found.counts.new += 1;
                self.changed.push((attempt.entry, verdict));
            }
        }
    }

    /// Credits for calls of an earlier log.
    async fn late_credits(&mut self, store: &Store) -> Result<(), LedgerError> {
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
    fn leftover_rows(&mut self) {
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
    fn decides(&self) -> Option<Range<i64>> {
        self.decides_in(self.found.covers.as_ref()?)
    }

    fn decides_in(&self, covers: &Range<SystemTime>) -> Option<Range<i64>> {
        let ours = |time: SystemTime| day_micros(time).saturating_sub(self.found.skew_us);
        let settled = ours(covers.end).saturating_sub(span_micros(self.options.settle));
        let decides = ours(covers.start)..settled;
        (self.log.whole && !decides.is_empty()).then_some(decides)
    }
}
