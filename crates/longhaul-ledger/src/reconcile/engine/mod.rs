//! Matching a log with the ledger, and what follows from it.
//!
//! # The order, and why
//!
//! 1. Rows are joined to attempts by id. Such pairs are certain, and they show how far the two clocks are apart.
//! 2. The clocks are set. Before that no time can be compared.
//! 3. What is left is joined by time and model. It is only compared with what is left, so that a certain pair is never
//!    taken apart.
//! 4. Money that is given back for calls of earlier logs is looked up by the name of its row.
//! 5. What has no partner is a finding of its side.
//!
//! Findings and verdicts are gathered and only then written, in one transaction, so that a reconciliation that fails
//! half way leaves nothing.

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
    period,
    store::{EntryId, Store, day_micros},
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
///
/// Dropped before it ends, it writes nothing, or all of it. Two at the same time for one provider do no harm: the later
/// verdict stands. For an example see the [module](crate::reconcile).
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
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use longhaul_ledger::reconcile::{LogFormat, Options, ProviderLog, prepare};
///
/// # let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// let row = format!(r#"{{"created_at": {}, "type": 2, "quota": 120000, "use_time": 100}}"#, now + 100);
/// let log = || {
///     let mut log = ProviderLog::new(LogFormat::new_api());
///     log.add("log.json", row.as_bytes()).map(|()| log)
/// };
/// let options = Options::of("relay.example.com");
/// let prepared = prepare(&store, log()?, &options, |_| {}).await?;
/// assert_eq!((prepared.found().counts.new, prepared.found().findings.len()), (1, 0));
/// drop(prepared);
/// // Nothing was written, so that it is found again; written, it is not new a second time.
/// let found = prepare(&store, log()?, &options, |_| {}).await?.commit().await?;
/// assert_eq!(found.counts.new, 1);
/// assert_eq!(prepare(&store, log()?, &options, |_| {}).await?.found().counts.unchanged, 1);
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Prepared {
    store: Store,
    import: Import,
    changed: Vec<(EntryId, Verdict)>,
    found: Reconciliation,
}

/// Does what [`reconcile`] does, up to the writing: so the findings can be shown before anything is written, and
/// nothing is written if showing them fails.
///
/// For an example see [`Prepared`]. What was prepared and is dropped leaves no trace.
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
        let attempts = attempts::of(store, &options.provider, engine.around(&covers)).await?;
        let mut attempts = std::pin::pin!(attempts);
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

    /// Writes down what the log says. A [dry run](Options::dry_run) writes nothing.
    ///
    /// # Errors
    ///
    /// What the database says. It is one transaction: then nothing is written.
    ///
    /// What others wrote between [`prepare`] and this is not looked at again: the verdicts of this log stand in the
    /// place of theirs.
    pub async fn commit(self) -> Result<Reconciliation, LedgerError> {
        if !self.found.dry_run {
            let mut transaction = self.store.begin().await?;
            write::write(&mut transaction, &self.import, &self.changed).await?;
            self.store.commit(transaction).await?;
        }
        Ok(self.found)
    }
}

/// The state of one reconciliation. Rows are named by their number in the log, so that no row is copied.
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
    /// When the log had been read, on our clock.
    now: i64,
    /// Verdicts to write.
    changed: Vec<(EntryId, Verdict)>,
    /// The same, as they count for the priors.
    new: Vec<NewVerdict>,
    found: Reconciliation,
}

impl<'a> Engine<'a> {
    /// The sums over the log are complete from the beginning; those over attempts grow as they are judged.
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
            now: day_micros(period::now()),
            changed: Vec::new(),
            new: Vec::new(),
            found,
        }
    }
}
