//! Retention: a month that has ended is written to a file, and then removed from the ledger.
//!
//! What is about money that is still open stays: operations with a claim that was not exported, or not answered; attempts
//! that run; tasks that nobody collected; and what is not understood.

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

/// What was removed.
///
/// What is [kept](Self::kept) is what money still hangs on: an attempt with an open claim, and all others of its operation, since
/// they decide together what is owed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Attempts that were written to the file, and removed.
    pub removed: u64,
    /// Attempts of the month that stay.
    pub kept: u64,
    /// The file, of one JSON object a line; `None` where nothing was to be removed.
    pub file: Option<PathBuf>,
}

/// No operation lasts so long: one that reaches into the month is judged as a whole.
const AROUND: Duration = Duration::from_secs(2 * 24 * 3600);

/// Entries that are removed in one transaction: few, so that nobody waits.
const ROWS: usize = 200;

/// Which attempts stay.
struct Kept {
    operations: HashSet<OperationId>,
    entries: HashSet<EntryId>,
}

impl Kept {
    async fn find(store: &Store, book: &ClaimBook, period: &Period) -> Result<Self, LedgerError> {
        let range = period.range();
        let around = range.start - AROUND..range.end + AROUND;
        let found = store.claims(book, &Filter::opened(around)).await?;
        let is_open = |state| !matches!(state, ClaimState::Credited | ClaimState::Denied);
        let claimed = found.claims.iter().filter(|claim| is_open(claim.state));
        let claimed = claimed.map(|claim| claim.stored.record.opening.operation);
        let running = store.running_understood().await?;
        let running = running.iter().map(|stored| stored.record.opening.operation);
        let tasks = store.open_tasks().await?;
        Ok(Self {
            operations: claimed.chain(running).collect(),
            entries: tasks.into_iter().map(|task| task.entry).collect(),
        })
    }

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
    /// ```no_run
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Store, claims::ClaimBook, month};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Store::open_to_write(&"spend.db".parse()?).await?;
    /// let (book, archive) = (ClaimBook::default(), "archive".as_ref());
    /// let pruned = store.prune(&book, month("2026-01")?, &TimeZone::UTC, archive).await?;
    /// println!("{} removed, {} kept, written to {:?}", pruned.removed, pruned.kept, pruned.file);
    /// # Ok(()) }
    /// ```
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
