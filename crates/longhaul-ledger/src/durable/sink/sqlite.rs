//! The writer's statements for a file. They are prepared once for batches of a few sizes: see `ROOM`.
//!
//! # What makes it durable
//!
//! `journal_mode=WAL` and `synchronous=FULL`: a commit appends to the log and waits until the disk has it. `NORMAL`
//! would wait only when the log is copied into the file, and a machine that loses its power would lose the last
//! seconds, which is exactly what the ledger is for. Both settings are read back when the connection is made.
//!
//! # What is looked at before each commit
//!
//! [`Guard`] compares the paths with the files that are open. A file that was removed is still written to without any
//! error: the data goes into a file without a name, and is gone when the process ends. So the comparison stands right
//! before `COMMIT`, and a difference refuses the batch, which stops all spending.

mod values;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};

use self::values::{Values, task_values};
use super::{Hooks, WriterId, check, count, insert_attempts, insert_running, write_attempts};
use crate::{
    durable::{
        batch::Closed,
        entry::Entry,
        task::{self, TaskNote},
    },
    error::{LedgerError, LedgerErrorKind},
    file::Guard,
    store::{
        CLOSING_COLUMNS, OPENING_COLUMNS,
        columns::{self, Checksum, Columns},
        day_micros, sqlite,
    },
};

/// Rows that a statement has room for. Each statement crosses to SQLite's thread and back, which costs more than the rows:
/// a batch takes the smallest one that holds it, and room that is left over is skipped.
///
/// Steps of four waste three quarters of a statement's room at most, and keep the number of prepared statements at ten.
/// A batch of 1,024 takes the largest four times.
const ROOM: [usize; 5] = [1, 4, 16, 64, 256];

/// After so long a file that is locked is said to be; the writer tries again.
///
/// Short, because the writer's own tries say after each of them who may still wait. SQLite's waiting cannot be
/// interrupted.
const LOCKED: Duration = Duration::from_secs(1);

/// Copies the log into the file and makes it empty, where nobody reads what only the log has.
///
/// It fails where a reader is in the way, and then the log only stays longer than it could be.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// A file of SQLite's, written by one connection.
///
/// Its connection runs on a thread of its own (sqlx's), so that a slow disk blocks no task.
#[derive(Debug)]
pub(in crate::durable) struct Sqlite {
    connection: SqliteConnection,
    statements: Vec<Statements>,
    guard: Guard,
    hooks: Hooks,
    pages: u32,
}

/// The two statements for one size of batch. The writer's id stands in the text: it is the same for all rows, and a
/// value that need not be bound costs nothing.
#[derive(Debug)]
struct Statements {
    room: usize,
    open: Arc<str>,
    close: Arc<str>,
}

impl Sqlite {
    /// Connects, and reads back that what it confirms is on the disk.
    pub(in crate::durable) async fn connect(
        path: &Path,
        writer: WriterId,
        guard: Guard,
        hooks: Hooks,
    ) -> Result<Self, LedgerError> {
        let options = sqlite::to_write(path).busy_timeout(LOCKED);
        let mut connection = options.connect().await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await?;
        check("journal_mode", &mode, &["wal"], "wal")?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&mut connection)
            .await?;
        check(
            "synchronous",
            &synchronous.to_string(),
            &["2", "3"],
            "2 (FULL)",
        )?;
        Ok(Self {
            connection,
            statements: ROOM.map(|room| Statements::new(room, writer)).into(),
            guard,
            hooks,
            pages: 0,
        })
    }

    /// A full disk gets one further try after the log was copied into the file and cut: while a page is in both, it
    /// takes its room twice, and a disk that looked full may hold this batch. When that fails too, the error says so
    /// and openings are refused.
    pub(super) async fn write(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
        tasks: &[TaskNote],
    ) -> Result<(), LedgerError> {
        self.limit_pages().await?;
        let written = self.transact(openings, closings, tasks).await;
        match &written {
            // What stands in the log and in the file takes its room twice.
            Err(error) if *error.kind() == LedgerErrorKind::Full => {
                self.connection.execute(CHECKPOINT).await?;
                self.transact(openings, closings, tasks).await
            }
            _ => written,
        }
    }

    /// `IMMEDIATE` takes the lock for writing at the beginning. A transaction that takes it with its first write can
    /// find that another process wrote in between, and then fails half way without having waited.
    async fn transact(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
        tasks: &[TaskNote],
    ) -> Result<(), LedgerError> {
        // Not sqlx's `Transaction`: a full disk makes SQLite itself roll back, and that one would never know.
        if let Err(error) = self.connection.execute("BEGIN IMMEDIATE").await {
            // SQLite notices by itself that a file was removed, and says something else.
            self.guard.check()?;
            return Err(error.into());
        }
        let written = self.write_and_commit(openings, closings, tasks).await;
        if written.is_err() {
            // Fails where SQLite has done it already.
            let _ = self.connection.execute("ROLLBACK").await;
        }
        written
    }

    /// Openings first, then closings, then notes: a note of a task that ended may replace a closing of the same batch,
    /// and never the other way round.
    async fn write_and_commit(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
        tasks: &[TaskNote],
    ) -> Result<(), LedgerError> {
        let Self {
            connection,
            statements,
            guard,
            hooks,
            ..
        } = self;
        for (statements, rows) in chunks(statements, openings) {
            let mut values = Values::with_capacity(rows.len() * count(OPENING_COLUMNS));
            for entry in rows {
                columns::opening(entry.id, &entry.opening, &mut values);
            }
            execute(connection, &statements.open, values).await?;
        }
        for (statements, rows) in chunks(statements, closings) {
            let mut values = Values::with_capacity(statements.room + rows.len() * width());
            for Closed { entry, .. } in rows {
                values.id(entry.id.into_bytes());
            }
            for _ in rows.len()..statements.room {
                values.number(None);
            }
            for closed in rows {
                add_row(closed, &mut values);
            }
            execute(connection, &statements.close, values).await?;
        }
        for note in tasks {
            noted(connection, note).await?;
        }
        hooks.before_commit().await;
        guard.complete();
        guard.check()?;
        connection.execute("COMMIT").await?;
        Ok(())
    }

    /// For tests: a disk that is full.
    async fn limit_pages(&mut self) -> Result<(), LedgerError> {
        let pages = self.hooks.pages();
        if pages != self.pages {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            sqlx::query(AssertSqlSafe(pragma))
                .execute(&mut self.connection)
                .await?;
            self.pages = pages;
        }
        Ok(())
    }

    /// Leaves one whole file. Everything is durable before: what fails here is found and done at the next start.
    ///
    /// The table `writers` is emptied before the checkpoint, so that the file that is left tells nothing of a writer.
    /// An error is told to the caller, which then leaves its mark in the lock file.
    pub(super) async fn close(mut self) -> Result<(), LedgerError> {
        self.guard.check()?;
        self.connection.execute("DELETE FROM writers").await?;
        self.connection.execute(CHECKPOINT).await?;
        self.connection.close().await?;
        Ok(())
    }
}

impl Statements {
    fn new(room: usize, writer: WriterId) -> Self {
        // What is not given a value is NULL, which no id is.
        let rows = |more: &str, columns: usize| {
            let row = format!("({})", vec!["?"; columns].join(","));
            let rows = vec![row; room].join(",");
            format!("SELECT {more}* FROM (VALUES {rows}) WHERE column1 IS NOT NULL")
        };
        let (opening, closing) = (count(OPENING_COLUMNS), count(CLOSING_COLUMNS));
        let writer = format!("x'{}', ", writer.simple());
        let ids = vec!["?"; room].join(",");
        // A batch that fails is rolled back as a whole: what each statement would have to keep, to undo itself, is spared.
        let or_fail = |insert: String| insert.replacen("INSERT", "INSERT OR FAIL", 1);
        Self {
            room,
            open: or_fail(insert_running(&rows(&writer, opening))).into(),
            // Two in one: values that are missing at the end are missing in the second.
            close: format!(
                "DELETE FROM running WHERE id IN ({ids}); {}",
                or_fail(insert_attempts(&rows("", opening + closing + 1)))
            )
            .into(),
        }
    }
}

/// `rows` in pieces with the statements that hold them.
///
/// A rest that is smaller than the largest size takes the smallest statement that holds it. The test below shows the
/// sizes.
fn chunks<'a, T>(
    statements: &'a [Statements],
    mut rows: &'a [T],
) -> impl Iterator<Item = (&'a Statements, &'a [T])> {
    std::iter::from_fn(move || {
        let largest = statements.last()?;
        let (chunk, rest) = rows.split_at(rows.len().min(largest.room));
        rows = rest;
        let fitting = statements.iter().find(|of| of.room >= chunk.len())?;
        (!chunk.is_empty()).then_some((fitting, chunk))
    })
}

/// Values of an attempt that has ended.
///
/// The one more is the checksum.
fn width() -> usize {
    count(OPENING_COLUMNS) + count(CLOSING_COLUMNS) + 1
}

fn add_row(Closed { entry, closing }: &Closed, values: &mut Values) {
    columns::ended(entry.id, &entry.opening, closing, values);
    values.number(Some(Checksum::of(entry.id, &entry.opening, closing)));
}

/// The statements of tasks are few beside those of attempts (one or two for a call of minutes), and so they are run one
/// by one. For `Known` the number of changed rows decides: a task that was no longer open has been told of by somebody
/// else, and its attempt stays as it is.
async fn noted(connection: &mut SqliteConnection, note: &TaskNote) -> Result<(), LedgerError> {
    match note {
        TaskNote::Submit { entry, dialect, at } => {
            let mut values = Values::with_capacity(3);
            values.id(entry.0.into_bytes());
            let statement = match dialect {
                None => task::NO_SUBMIT,
                Some(dialect) => {
                    values.shared(Some(dialect));
                    values.number(Some(day_micros(*at)));
                    task::SUBMIT
                }
            };
            execute(connection, &statement.into(), values).await?;
        }
        TaskNote::Withdrawn { entry } => {
            let mut values = Values::with_capacity(1);
            values.id(entry.0.into_bytes());
            execute(connection, &task::WITHDRAW.into(), values).await?;
        }
        TaskNote::Handle(handle) => {
            execute(connection, &task::upsert().into(), task_values(handle)).await?;
        }
        TaskNote::Known { handle, known } => {
            let first = execute(connection, &task::upsert().into(), task_values(handle)).await?;
            if first > 0 {
                let places = vec!["?"; width()].join(",");
                let statement = write_attempts(&format!("VALUES ({places})"));
                let mut values = Values::with_capacity(width());
                add_row(known, &mut values);
                execute(connection, &statement.into(), values).await?;
            }
        }
    }
    Ok(())
}

/// How many rows it changed.
async fn execute(
    connection: &mut SqliteConnection,
    statement: &Arc<str>,
    values: Values,
) -> Result<u64, LedgerError> {
    let done = sqlx::query_with(AssertSqlSafe(statement.clone()), values.0)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerErrorKind;

    #[tokio::test]
    async fn a_file_without_a_write_ahead_log_is_refused() {
        let connected = {
            let path: &Path = ":memory:".as_ref();
            Sqlite::connect(path, WriterId::nil(), Guard::over(path), Hooks::default())
        };
        let error = connected.await.expect_err("it keeps nothing");
        let LedgerErrorKind::NotDurable { setting, found, .. } = error.kind() else {
            panic!("{error}");
        };
        assert_eq!((*setting, found.as_str()), ("journal_mode", "memory"));
    }

    #[test]
    fn rows_go_into_the_smallest_statement_that_holds_them() {
        let statements = ROOM.map(|room| Statements::new(room, WriterId::nil()));
        let of = |rows: usize| {
            chunks(&statements, &vec![(); rows])
                .map(|(of, rows)| (of.room, rows.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0), []);
        assert_eq!(of(1), [(1, 1)]);
        assert_eq!(of(37), [(64, 37)]);
        assert_eq!(of(256 + 256 + 5), [(256, 256), (256, 256), (16, 5)]);
    }
}
