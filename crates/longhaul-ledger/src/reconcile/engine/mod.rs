//! Matching a log with the ledger, and what follows from it.

mod judge;
mod matching;

use std::collections::HashSet;

use futures_util::TryStreamExt as _;

use super::{
    Options,
    attempts::{self, Attempt},
    log::{Checked, ProviderLog},
    priors::{self, NewVerdict},
    report::{Counts, Reconciliation, RowRef},
    row::RowKind,
    verdict::Verdict,
    write::{self, Import},
};
use crate::{
    error::LedgerError,
    store::{EntryId, Store},
};

/// Matches `log` with the attempts in `store`, which was opened to write, and writes down what it says of them; a
/// [dry run](Options::dry_run) only needs to read. `progress` is told from time to time how many attempts were looked at.
///
/// # Errors
///
/// [`LedgerErrorKind::File`](crate::LedgerErrorKind::File) for a log that contradicts itself or lacks rows,
/// [`LedgerErrorKind::Setting`](crate::LedgerErrorKind::Setting) for options that cannot work, for a provider that the
/// ledger does not know while it knows others, and for clocks that are too far apart, and what the database says. Nothing
/// is written then.
pub async fn reconcile(
    store: &Store,
    log: ProviderLog,
    options: &Options,
    progress: impl FnMut(u64) + Send,
) -> Result<Reconciliation, LedgerError> {
    let prepared = prepare(store, log, options, progress).await?;
    prepared.commit().await
}

/// What a log says, before it is written down.
///
/// ```no_run
/// use longhaul_ledger::{Store, reconcile::{LogFormat, Options, ProviderLog, prepare}};
///
/// # async fn example(store: Store, log: ProviderLog) -> Result<(), longhaul_ledger::LedgerError> {
/// let prepared = prepare(&store, log, &Options::of("relay.example.com"), |_| {}).await?;
/// println!("{} discrepancies", prepared.found().findings.len());
/// // Only now anything is written.
/// prepared.commit().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Prepared {
    store: Store,
    import: Import,
    changed: Vec<(EntryId, Verdict)>,
    found: Reconciliation,
}

/// The same as [`reconcile`] up to its writing: what was found can be shown first, so that nothing is written whose
/// telling fails.
///
/// # Errors
///
/// As of [`reconcile`].
pub async fn prepare(
    store: &Store,
    log: ProviderLog,
    options: &Options,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Prepared, LedgerError> {
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
        if engine.found.counts.attempts == 0 {
            store.check_provider(&options.provider).await?;
        }
        engine.set_clocks()?;
        engine.by_time(&covers);
        engine.late_credits(store).await?;
    }
    engine.leftover_rows();

    let import = Import {
        provider: options.provider.clone(),
        files: log.files.clone(),
        decides: engine.decides(),
    };
    let mut found = engine.found;
    found.priors = priors::estimate(
        store,
        &options.provider,
        &engine.new,
        import.decides.clone(),
        &current,
        options.prior_weight,
    )
    .await?;
    Ok(Prepared {
        store: store.clone(),
        import,
        changed: engine.changed,
        found,
    })
}

impl Prepared {
    /// What was found.
    pub const fn found(&self) -> &Reconciliation {
        &self.found
    }

    /// Writes down what the log says, unless it was asked to leave the ledger as it is.
    ///
    /// # Errors
    ///
    /// What the database says. It is one transaction: then nothing is written.
    pub async fn commit(self) -> Result<Reconciliation, LedgerError> {
        if !self.found.dry_run {
            let mut transaction = self.store.begin().await?;
            write::write(&mut transaction, &self.import, &self.changed).await?;
            self.store.commit(transaction).await?;
        }
        Ok(self.found)
    }
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
    /// The same, as they count for the priors.
    new: Vec<NewVerdict>,
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
            new: Vec::new(),
            found,
        }
    }
}
