//! The writer's statements for PostgreSQL: one for a whole batch, whatever its size.
//!
//! Openings, closings and the removal of the rows that were closed are one statement with three parts. PostgreSQL runs
//! it as one transaction, and it takes one way to the server and back, which is what a commit over a network costs. The
//! parts see the tables as they were before: an entry that is opened and closed in one batch has no row of `running`,
//! because its opening was left out of the batch.
//!
//! The number of values does not depend on the number of rows, since each column travels as one array: one prepared
//! statement fits every batch.

mod table;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection,
    postgres::{PgArguments, PgConnectOptions},
};
use tokio::time::timeout;

use self::table::{Rows, empty};
use super::{Hooks, WriterId, check, insert_attempts, insert_running, write_attempts};
use crate::{
    durable::{
        batch::Closed,
        entry::Entry,
        task::{self, TaskHandle, TaskNote},
    },
    error::{LedgerError, LedgerErrorKind},
    store::{
        columns::{self, Checksum, Columns},
        day_micros, postgres,
    },
};

/// A PostgreSQL database, written by one connection at a time.
///
/// A connection that fails in any way but a refusal is dropped, and the next try connects anew. It is taken out before
/// a try and put back after it, so that a try that is given up in the middle leaves none whose state nobody knows.
pub(in crate::durable) struct Postgres {
    options: PgConnectOptions,
    // `None` after it was lost.
    connection: Option<PgConnection>,
    writer: WriterId,
    statement: Arc<str>,
    // Without rows.
    openings: Rows<'static>,
    closings: Rows<'static>,
    // A server that says nothing for so long is gone.
    patience: Duration,
    hooks: Hooks,
}

impl Postgres {
    /// Connects, and reads back that what it confirms is on the disk.
    ///
    /// The first connection is made here, so that a wrong address or setting is told by
    /// [`open`](super::super::Builder::open), and not by the first call.
    pub(in crate::durable) async fn connect(
        url: &str,
        writer: WriterId,
        patience: Duration,
        hooks: Hooks,
    ) -> Result<Self, LedgerError> {
        // The tables are small or much written to: statistics lag behind, and a scan of all rows is never right.
        let options = postgres::to_write(url, patience)?.options([("enable_seqscan", "off")]);
        let (openings, closings) = empty();
        Ok(Self {
            connection: Some(connect(&options, patience).await?),
            options,
            writer,
            statement: statement(&openings, &closings).into(),
            openings,
            closings,
            patience,
            hooks,
        })
    }

    /// It ends within patience, whatever the server does. An answer that does not come in time leaves open whether the
    /// batch was committed; the error is one that passes, and the batch is written again.
    pub(super) async fn write(
        &mut self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
        tasks: &[TaskNote],
    ) -> Result<(), LedgerError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options, self.patience).await?,
        };
        let arguments = self.arguments(openings, closings)?;
        self.hooks.before_commit().await;
        let written = async {
            for note in tasks {
                self.noted(&mut connection, note).await?;
            }
            // One statement is one transaction, and one way there and back.
            let statement = AssertSqlSafe(self.statement.clone());
            let written = sqlx::query_with(statement, arguments);
            written.execute(&mut connection).await.map(drop)
        };
        match timeout(self.patience, written).await {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => {
                // A server that refuses a statement is there; anything else leaves a connection that says nothing.
                if is_refusal(&error) {
                    self.connection = Some(connection);
                }
                Err(error.into())
            }
            Err(_) => Err(LedgerErrorKind::Unreachable.into()),
        }
    }

    fn arguments(
        &self,
        openings: &[Arc<Entry>],
        closings: &[Closed],
    ) -> Result<PgArguments, LedgerError> {
        let mut arguments = PgArguments::default();
        let mut table = self.openings.emptied();
        arguments
            .add(&self.writer.as_bytes()[..])
            .map_err(sqlx::Error::Encode)?;
        for entry in openings {
            table.next = 0;
            columns::opening(entry.id, &entry.opening, &mut table);
        }
        table.add_to(&mut arguments)?;
        self.closed(closings, &mut arguments)?;
        Ok(arguments)
    }

    fn closed(&self, closings: &[Closed], arguments: &mut PgArguments) -> Result<(), LedgerError> {
        let mut table = self.closings.emptied();
        for Closed { entry, closing } in closings {
            table.next = 0;
            columns::ended(entry.id, &entry.opening, closing, &mut table);
            table.number(Some(Checksum::of(entry.id, &entry.opening, closing)));
        }
        table.add_to(arguments)
    }

    /// Each note is a statement of its own: the tables of tasks see few rows, and a note is no part of what an opening
    /// waits for. `Known` is one statement for its two tables, so that a crash between them is not possible.
    async fn noted(
        &self,
        connection: &mut PgConnection,
        note: &TaskNote,
    ) -> Result<(), sqlx::Error> {
        let mut arguments = PgArguments::default();
        let statement = match note {
            TaskNote::Submit { entry, dialect, at } => {
                add(&mut arguments, &entry.0.as_bytes()[..])?;
                match dialect {
                    None => task::NO_SUBMIT.to_owned(),
                    Some(dialect) => {
                        add(&mut arguments, &**dialect)?;
                        add(&mut arguments, day_micros(*at))?;
                        task::SUBMIT.to_owned()
                    }
                }
            }
            TaskNote::Withdrawn { entry } => {
                add(&mut arguments, &entry.0.as_bytes()[..])?;
                task::WITHDRAW.to_owned()
            }
            TaskNote::Handle(handle) => {
                add_handle(handle, &mut arguments)?;
                task::upsert()
            }
            TaskNote::Known { handle, known } => {
                add_handle(handle, &mut arguments)?;
                let known = self.closed(std::slice::from_ref(known), &mut arguments);
                known.map_err(|error| sqlx::Error::Encode(error.into()))?;
                // One statement, so that both are written or neither: and only where the task was open.
                format!(
                    "WITH noted AS ({} RETURNING entry) {}",
                    task::upsert(),
                    write_attempts(&format!(
                        "SELECT * FROM {} WHERE EXISTS (SELECT FROM noted)",
                        self.closings.unnest(8)
                    ))
                )
            }
        };
        let written = sqlx::query_with(AssertSqlSafe(statement), arguments);
        written.execute(connection).await.map(drop)
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            // Everything is durable; the server notices by itself that nobody is there.
            let _ = timeout(self.patience, connection.close()).await;
        }
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The options hold a password.
        f.debug_struct("Postgres")
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}

/// Bounded by patience as a whole: the name, the connection, TLS, the password, and the settings that are read back.
async fn connect(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<PgConnection, LedgerError> {
    let connected = timeout(patience, connected(options)).await;
    connected.unwrap_or_else(|_| Err(LedgerErrorKind::Unreachable.into()))
}

/// `remote_apply` is stronger than `on` and is accepted. `remote_write` and `local` are refused, as `off` is: they
/// confirm what a failover may forget. `fsync=off` makes every other promise void.
async fn connected(options: &PgConnectOptions) -> Result<PgConnection, LedgerError> {
    let mut connection = options.connect().await?;
    for (setting, enough) in [
        ("synchronous_commit", &["on", "remote_apply"][..]),
        ("fsync", &["on"]),
    ] {
        let found: String = sqlx::query_scalar(AssertSqlSafe(format!("SHOW {setting}")))
            .fetch_one(&mut connection)
            .await?;
        check(setting, &found, enough, "on")?;
    }
    Ok(connection)
}

fn add_handle(handle: &TaskHandle, to: &mut PgArguments) -> Result<(), sqlx::Error> {
    add(to, &handle.entry.0.as_bytes()[..])?;
    add(to, &*handle.task)?;
    add(to, &*handle.dialect)?;
    add(to, handle.poll_url.as_deref())?;
    add(to, day_micros(handle.submitted_at))?;
    add(to, handle.expires_at.map(day_micros))?;
    add(to, handle.state.name())
}

fn add<'v, T>(arguments: &mut PgArguments, value: T) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'v, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + 'v,
{
    arguments.add(value).map_err(sqlx::Error::Encode)
}

/// Whether the server refuses the statement, and not everything: one that another has taken over from, or that stops,
/// still answers, and is left.
///
/// `25006` is a server that became a standby, `57P…` one that stops or starts, `08…` a connection that is lost, `F0…` a
/// configuration that is being changed. All others say that this statement was refused by a server that is well.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| {
        let leaves = ["25006", "57P", "08", "F0"];
        !leaves.iter().any(|class| code.starts_with(class))
    })
}

/// Writes a batch: `$1` is the writer; then come the columns of the openings, and those of the closings, each as an
/// array.
fn statement(openings: &Rows<'_>, closings: &Rows<'_>) -> String {
    let ids = 2 + openings.columns.len();
    format!(
        "WITH opened AS ({}), closed AS ({}) DELETE FROM running WHERE id = ANY(${ids}::bytea[])",
        insert_running(&format!("SELECT $1::bytea, * FROM {}", openings.unnest(2))),
        insert_attempts(&format!("SELECT * FROM {}", closings.unnest(ids))),
    )
}
