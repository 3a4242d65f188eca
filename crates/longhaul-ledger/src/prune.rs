//! Retention: a month that has ended is written to a file, and then removed from the ledger.
//!
//! What is about money that is still open stays: operations with a claim that was not exported, or not answered; attempts
//! that run; tasks that nobody collected; and what is not understood.
//!
//! # Order of the steps
//!
//! 1. What has to stay is decided, once, by the claims of the month and two days around it.
//! 2. Everything that goes is written into a file without its name yet, and the file is made durable.
//! 3. The file gets its name, and the folder is made durable.
//! 4. The entries are removed, a few in one transaction.
//!
//! A process that dies before step 3 leaves the ledger as it was. After it the file has everything, and what is left in
//! the ledger is removed by the next call, which writes what is left into a second file: an entry may then stand in two
//! files, and never in none. `tests/cli/retention.rs` keeps this.

use std::{
    collections::HashSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use jiff::{civil::Date, tz::TimeZone};
use longhaul::OperationId;
use sqlx::{Any, AssertSqlSafe, Row as _, Transaction};

use crate::{
    claims::{ClaimBook, ClaimState},
    error::{LedgerError, LedgerErrorKind},
    period::{self, Period},
    store::{Arguments, EntryId, Filter, Scanned, Store, Stored, add, object},
};

/// What [`Store::prune`] removed, and what it kept.
///
/// What is [kept](Self::kept) is what money still hangs on: an attempt with an open claim, and all others of its operation, since
/// they decide together what is owed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Attempts that were written to the file, and removed.
    ///
    /// Their verdicts, claims and notes of tasks went with them.
    pub removed: u64,
    /// Attempts of the month that stay.
    ///
    /// Entries of the month that still run, and entries that are not understood, are among them.
    pub kept: u64,
    /// The file, of one JSON object a line; `None` where nothing was to be removed.
    ///
    /// Each object has the `attempt`, and the `verdict` and the `claim` where there were some.
    pub file: Option<PathBuf>,
}

/// No operation lasts so long: one that reaches into the month is judged as a whole.
///
/// A deadline is 2,250 s by default. Two days leave room for anything that a caller may set.
const AROUND: Duration = Duration::from_secs(2 * 24 * 3600);

/// Entries that are removed in one transaction: few, so that nobody waits.
///
/// A file has one writer at a time: a transaction that removes a whole month would make openings wait for seconds.
const ROWS: usize = 200;

/// Which attempts stay.
struct Kept {
    operations: HashSet<OperationId>,
    entries: HashSet<EntryId>,
}

impl Kept {
    /// Attempts are kept by operation, since one attempt's claim depends on the others: a duplicate is one only beside
    /// the attempt that delivered.
    async fn find(store: &Store, book: &ClaimBook, period: &Period) -> Result<Self, LedgerError> {
        // Before the claims: of one that runs now, and ends while they are read, the claim may not be among them.
        let running = store.running_understood().await?;
        let running = running.iter().map(|stored| stored.record.opening.operation);
        let range = period.range();
        let around = range.start - AROUND..range.end + AROUND;
        let found = store.claims(book, &Filter::opened(around)).await?;
        let is_open = |state| !matches!(state, ClaimState::Credited | ClaimState::Denied);
        let claimed = found.claims.iter().filter(|claim| is_open(claim.state));
        let claimed = claimed.map(|claim| claim.stored.record.opening.operation);
        let tasks = store.open_tasks().await?;
        Ok(Self {
            operations: claimed.chain(running).collect(),
            entries: tasks.into_iter().map(|task| task.entry).collect(),
        })
    }

    /// Three reasons: it runs, its operation has money open, or its task waits to be collected.
    fn stays(&self, stored: &Stored) -> bool {
        stored.record.is_open()
            || self.operations.contains(&stored.record.opening.operation)
            || self.entries.contains(&stored.id)
    }
}

impl Store {
    /// Writes the attempts of the month of `day` in `zone` into a file in `folder`, with what logs and claims say of
    /// them, and then removes them, a few at a time; those with an open claim by `book` stay, with all attempts of their
    /// operation. The room in a file is used again; a [`backup`](Self::backup) is without it.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{claims::ClaimBook, month};
    ///
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
    /// let (book, archive) = (ClaimBook::default(), folder.path().join("archive"));
    /// let pruned = store.prune(&book, month("2020-01")?, &TimeZone::UTC, &archive).await?;
    /// assert_eq!((pruned.removed, pruned.kept, pruned.file), (0, 0, None), "the ledger has nothing of that month");
    /// let this_month = longhaul_ledger::local_time(std::time::SystemTime::now(), &TimeZone::UTC)[..7].to_owned();
    /// assert!(store.prune(&book, month(&this_month)?, &TimeZone::UTC, &archive).await.is_err(), "it has not ended");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// Dropped in the middle it leaves what a crash would: nothing is removed that is not in the file.
    ///
    /// # Errors
    ///
    /// [`Setting`](LedgerErrorKind::Setting) for a month that has not ended, [`Export`](LedgerErrorKind::Export) where the
    /// file cannot be written: nothing is removed then. Where it breaks off later, the file has everything, and the rest
    /// is removed by doing it again.
    pub async fn prune(
        &self,
        book: &ClaimBook,
        day: Date,
        zone: &TimeZone,
        folder: &Path,
    ) -> Result<Pruned, LedgerError> {
        let period = Period::month_of(day, zone.clone())?;
        if period.range().end > period::now() {
            let why = format!("{} has not ended", period::month_name(day));
            return Err(LedgerError::setting("month", why));
        }
        let kept = Kept::find(self, book, &period).await?;
        let filter = Filter::opened(period.range());
        let mut pruned = Pruned {
            removed: 0,
            kept: 0,
            file: None,
        };
        let refused = |error: io::Error| {
            let folder = folder.to_owned();
            LedgerError::from(LedgerErrorKind::Export { folder }).with_source(error)
        };
        fs::create_dir_all(folder).map_err(refused)?;
        let archive = tempfile::NamedTempFile::new_in(folder).map_err(refused)?;
        let mut to = io::BufWriter::new(archive.as_file());
        self.each(&filter, &kept, &mut pruned, async |some| {
            for stored in some {
                let line = self.archived(stored).await?;
                writeln!(to, "{line}").map_err(refused)?;
            }
            Ok(())
        })
        .await?;
        to.flush().map_err(refused)?;
        drop(to);
        if pruned.removed == 0 {
            return Ok(pruned);
        }
        archive.as_file().sync_all().map_err(refused)?;
        pruned.file = Some(place(archive, folder, day).map_err(refused)?);
        let mut removed = Pruned {
            removed: 0,
            kept: 0,
            file: pruned.file,
        };
        self.each(&filter, &kept, &mut removed, async |some| {
            let mut transaction = self.begin().await?;
            for table in [
                ("claims", "entry"),
                ("verdicts", "entry"),
                ("task_handles", "entry"),
                ("submits", "entry"),
                ("attempts", "id"),
            ] {
                self.remove(&mut transaction, table, some).await?;
            }
            self.commit(transaction).await
        })
        .await?;
        Ok(removed)
    }

    /// Hands those that go to `take`, a few at a time, and counts.
    ///
    /// The rows are read in chunks by their keys, so that removing what was read does not disturb what comes.
    async fn each(
        &self,
        filter: &Filter,
        kept: &Kept,
        counts: &mut Pruned,
        mut take: impl AsyncFnMut(&[Stored]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut rows = self.scan(filter);
        let mut some = Vec::with_capacity(ROWS);
        while let Some(row) = rows.try_next().await? {
            match row {
                Scanned::Stored(stored) if !kept.stays(&stored) => some.push(*stored),
                _ => counts.kept += 1,
            }
            if some.len() == ROWS {
                take(&some).await?;
                counts.removed += some.len() as u64;
                some.clear();
            }
        }
        if !some.is_empty() {
            take(&some).await?;
            counts.removed += some.len() as u64;
        }
        Ok(())
    }

    /// One line of the file.
    async fn archived(&self, stored: &Stored) -> Result<serde_json::Value, LedgerError> {
        const VERDICT: &str =
            "charged_micros, credited_micros, currency, log_id, duration_us, basis";
        const CLAIM: &str =
            "rule, amount_micros, currency, exported_at, due_at, answer, answered_at";

        let beside = async |table: &str, columns: &'static str| {
            let packed = self.packed(&[columns]);
            let statement = format!("SELECT {packed} FROM {table} WHERE entry = $1");
            let row = sqlx::query(AssertSqlSafe(statement))
                .bind(stored.id.bytes())
                .fetch_optional(self.pool());
            match self.patient(row).await? {
                Some(row) => object(columns, row.try_get(0)?),
                None => Ok(serde_json::Value::Null),
            }
        };
        Ok(serde_json::json!({
            "attempt": stored,
            "verdict": beside("verdicts", VERDICT).await?,
            "claim": beside("claims", CLAIM).await?,
        }))
    }

    /// The rows of other tables go before the attempt's own, so that no reader finds a claim without its attempt.
    async fn remove(
        &self,
        transaction: &mut Transaction<'_, Any>,
        (table, column): (&str, &str),
        some: &[Stored],
    ) -> Result<(), LedgerError> {
        let mut arguments = Arguments::default();
        let places = some
            .iter()
            .map(|stored| add(&mut arguments, stored.id.bytes()))
            .collect::<Result<Vec<_>, _>>()?
            .join(", ");
        let statement = AssertSqlSafe(format!("DELETE FROM {table} WHERE {column} IN ({places})"));
        let removal = sqlx::query_with(statement, arguments).execute(&mut **transaction);
        self.patient(removal).await.map(drop)
    }
}

/// `attempts-2026-01.jsonl`, or the next name that is free.
///
/// A file that is there is never written over: it may be the only copy of another half of the month.
fn place(mut archive: tempfile::NamedTempFile, folder: &Path, day: Date) -> io::Result<PathBuf> {
    let month = period::month_name(day);
    let mut number = 1_u32;
    loop {
        let name = match number {
            1 => format!("attempts-{month}.jsonl"),
            number => format!("attempts-{month}-{number}.jsonl"),
        };
        let path = folder.join(name);
        archive = match archive.persist_noclobber(&path) {
            Ok(_) => {
                if cfg!(unix) {
                    fs::File::open(folder)?.sync_all()?;
                }
                return Ok(path);
            }
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => taken.file,
            Err(other) => return Err(other.error),
        };
        number += 1;
    }
}
