use std::{borrow::Cow, path::Path, sync::Arc};

use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _,
    SqliteConnection, sqlite::SqliteArguments,
};

use super::{Hooks, WriterId, check, count, insert_attempts, insert_running};
use crate::{
    durable::{entry::Entry, writer::Closed},
    error::LedgerError,
    store::{
        CLOSING_COLUMNS, OPENING_COLUMNS,
        columns::{self, Columns},
        migrate,
    },
};

/// Rows that a statement has room for. Each statement crosses to SQLite's thread and back, which costs more than the rows:
/// a batch takes the smallest one that holds it, and room that is left over is skipped.
const ROOM: [usize; 5] = [1, 4, 16, 64, 256];

/// Pages in the log before they are copied into the file: 32 MB. Most are written again soon, and are then copied once.
const CHECKPOINT: &str = "8000";

/// A file of SQLite's, written by one connection.
#[derive(Debug)]
pub(in crate::durable) struct Sqlite {
    connection: SqliteConnection,
    statements: Vec<Statements>,
    hooks: Hooks,
    pages: u32,
}

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
        hooks: Hooks,
    ) -> Result<Self, LedgerError> {
        let options = migrate::sqlite(path).pragma("wal_autocheckpoint", CHECKPOINT);
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
            hooks,
            pages: 0,
        })
    }

    pub(super) async fn write(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
    ) -> Result<(), LedgerError> {
        self.limit_pages().await?;
        // Not sqlx's `Transaction`: a full disk makes SQLite itself roll back, and that one would never know.
        self.connection.execute("BEGIN IMMEDIATE").await?;
        let written = self.write_and_commit(openings, closings).await;
        if written.is_err() {
            // Fails where SQLite has done it already.
            let _ = self.connection.execute("ROLLBACK").await;
        }
        written
    }

    async fn write_and_commit(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
    ) -> Result<(), LedgerError> {
        let Self {
            connection,
            statements,
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
            let width = count(OPENING_COLUMNS) + count(CLOSING_COLUMNS);
            let mut values = Values::with_capacity(statements.room + rows.len() * width);
            for Closed { entry, .. } in rows {
                values.id(entry.id.into_bytes());
            }
            for _ in rows.len()..statements.room {
                values.number(None);
            }
            for Closed { entry, closing } in rows {
                columns::opening(entry.id, &entry.opening, &mut values);
                columns::closing(closing, &mut values);
            }
            execute(connection, &statements.close, values).await?;
        }
        hooks.before_commit().await;
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

    pub(super) async fn close(self) {
        // Everything is durable: what fails here is found and done at the next start.
        let _ = self.connection.close().await;
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
                or_fail(insert_attempts(&rows("", opening + closing)))
            )
            .into(),
        }
    }
}

/// `rows` in pieces with the statements that hold them.
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

async fn execute(
    connection: &mut SqliteConnection,
    statement: &Arc<str>,
    values: Values,
) -> Result<(), LedgerError> {
    sqlx::query_with(AssertSqlSafe(statement.clone()), values.0)
        .execute(connection)
        .await?;
    Ok(())
}

struct Values(SqliteArguments);

impl Values {
    fn with_capacity(values: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Self(arguments)
    }

    fn add<'v>(&mut self, value: impl sqlx::Encode<'v, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>) {
        self.0
            .add(value)
            .expect("bytes, numbers and text need no conversion");
    }
}

impl<'a> Columns<'a> for Values {
    fn id(&mut self, id: [u8; 16]) {
        self.add(&id[..]);
    }

    fn number(&mut self, number: Option<i64>) {
        self.add(number);
    }

    fn text(&mut self, text: Option<Cow<'a, str>>) {
        self.add(text.map(Arc::<str>::from));
    }

    fn shared(&mut self, text: Option<&'a Arc<str>>) {
        self.add(text.map(|text| match columns::plain(text) {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(text) => text.into(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerErrorKind;

    #[tokio::test]
    async fn a_file_without_a_write_ahead_log_is_refused() {
        let connected = Sqlite::connect(":memory:".as_ref(), WriterId::nil(), Hooks::default());
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
