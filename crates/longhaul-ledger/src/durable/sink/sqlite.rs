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

/// Rows in one statement: each statement crosses to SQLite's thread and back.
const ROWS: [usize; 3] = [64, 8, 1];

/// A file of SQLite's, written by one connection.
#[derive(Debug)]
pub(in crate::durable) struct Sqlite {
    connection: SqliteConnection,
    writer: WriterId,
    statements: Vec<Statements>,
    hooks: Hooks,
    pages: u32,
}

/// For so many rows.
#[derive(Debug)]
struct Statements {
    rows: usize,
    open: Arc<str>,
    close: Arc<str>,
    remove: Arc<str>,
}

impl Sqlite {
    /// Connects, and reads back that what it confirms is on the disk.
    pub(in crate::durable) async fn connect(
        path: &Path,
        writer: WriterId,
        hooks: Hooks,
    ) -> Result<Self, LedgerError> {
        let mut connection = migrate::sqlite(path).connect().await?;
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
            writer,
            statements: ROWS.into_iter().map(Statements::new).collect(),
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
            writer,
            statements,
            hooks,
            ..
        } = self;
        for (statements, rows) in chunks(statements, openings) {
            let mut values = Values::with_capacity(rows.len() * (1 + count(OPENING_COLUMNS)));
            for entry in rows {
                values.id(writer.into_bytes());
                columns::opening(entry.id, &entry.opening, &mut values);
            }
            execute(connection, &statements.open, values).await?;
        }
        for (statements, rows) in chunks(statements, closings) {
            let width = count(OPENING_COLUMNS) + count(CLOSING_COLUMNS);
            let mut values = Values::with_capacity(rows.len() * width);
            for Closed { entry, closing } in rows {
                columns::opening(entry.id, &entry.opening, &mut values);
                columns::closing(closing, &mut values);
            }
            execute(connection, &statements.close, values).await?;
            let mut values = Values::with_capacity(rows.len());
            for Closed { entry, .. } in rows {
                values.id(entry.id.into_bytes());
            }
            execute(connection, &statements.remove, values).await?;
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
    fn new(rows: usize) -> Self {
        let values = |columns: usize| {
            let row = format!("({})", vec!["?"; columns].join(","));
            format!("VALUES {}", vec![row; rows].join(","))
        };
        let (opening, closing) = (count(OPENING_COLUMNS), count(CLOSING_COLUMNS));
        let ids = vec!["?"; rows].join(",");
        Self {
            rows,
            open: insert_running(&values(1 + opening)).into(),
            close: insert_attempts(&values(opening + closing)).into(),
            remove: format!("DELETE FROM running WHERE id IN ({ids})").into(),
        }
    }
}

/// `rows` in pieces for which there is a statement, the largest first.
fn chunks<'a, T>(
    statements: &'a [Statements],
    mut rows: &'a [T],
) -> impl Iterator<Item = (&'a Statements, &'a [T])> {
    std::iter::from_fn(move || {
        let fitting = statements.iter().find(|of| of.rows <= rows.len())?;
        let (chunk, rest) = rows.split_at(fitting.rows);
        rows = rest;
        Some((fitting, chunk))
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
        self.add(text);
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
    fn rows_go_into_the_largest_statements_that_they_fill() {
        let statements: Vec<_> = ROWS.into_iter().map(Statements::new).collect();
        let rows = [(); 64 + 8 + 8 + 3];
        let sizes: Vec<_> = chunks(&statements, &rows)
            .map(|(of, rows)| (of.rows, rows.len()))
            .collect();
        assert_eq!(sizes, [(64, 64), (8, 8), (8, 8), (1, 1), (1, 1), (1, 1)]);
    }
}
