//! A PostgreSQL database, opened to read or to write.
//!
//! Readers use a pool, whose connections may come and go; the writer of attempts has a connection of its own
//! (`durable::sink`). Both are told the same limit for each statement, so that nothing runs on at the server for
//! somebody who has gone: a pile of such statements is how a slow database becomes one that is away.
//! `tests/durable/failover.rs` counts the backends.

use std::time::Duration;

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _,
    PgConnection, Row as _,
    any::{AnyConnectOptions, AnyPoolOptions},
    postgres::PgConnectOptions,
};

use super::{
    Access, Store,
    migrate::{POSTGRES, refused},
    pools::Pools,
    version::{self, Applied},
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    location::Location,
};

/// How a database is reached for writing; the server ends what takes longer than `patience`, so that nothing waits there
/// for whoever has gone.
///
/// `synchronous_commit` is set for the session and not for each transaction; the writer reads it back.
pub(crate) fn to_write(url: &str, patience: Duration) -> Result<PgConnectOptions, LedgerError> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        // The URL itself may hold a password.
        LedgerErrorKind::Location {
            given: "postgres".to_owned(),
            why: error.to_string(),
        }
    })?;
    let limit = millis(patience).to_string();
    Ok(options
        .application_name("longhaul-ledger")
        .options([("synchronous_commit", "on")])
        .options([("statement_timeout", limit)]))
}

/// What PostgreSQL takes for a limit: zero would be none.
fn millis(patience: Duration) -> i32 {
    i32::try_from(patience.as_millis())
        .unwrap_or(i32::MAX)
        .max(1)
}

/// Looks at the list of migrations before anything is made: a database of another program, which may keep such a list
/// too, is refused untouched.
pub(super) async fn open(
    url: &str,
    access: Access,
    patience: Duration,
) -> Result<Store, LedgerError> {
    let mut connection = to_write(url, patience)?.connect().await?;
    let applied = applied(&mut connection).await?;
    if !applied.is_empty() && !version::is_ours(&POSTGRES, &applied) {
        return Err(no_ledger(url, "its tables are another program's"));
    }
    let version = if access.writes() {
        if applied.is_empty() && access != Access::Create {
            return Err(no_ledger(url, "it has no tables of a ledger"));
        }
        POSTGRES
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| refused(&POSTGRES, error))?;
        version::newest(&POSTGRES)
    } else if applied.is_empty() {
        return Err(no_ledger(url, "it has no tables of a ledger"));
    } else {
        version::of(&POSTGRES, &applied)?
    };
    connection.close().await?;
    let pool = pool(url, access, patience)?;
    let location = Location::Postgres(url.to_owned());
    let pools = Pools::one(move || pool.clone());
    Ok(Store::new(location, access, version, pools).with_patience(patience))
}

/// An empty list where there is none: the tables are to be made then, or there is no ledger.
async fn applied(connection: &mut PgConnection) -> Result<Vec<Applied>, LedgerError> {
    let listed = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    if !sqlx::query_scalar(listed)
        .fetch_one(&mut *connection)
        .await?
    {
        return Ok(Vec::new());
    }
    let statement = "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
    let rows = sqlx::query(statement).fetch_all(connection).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Applied {
            version: row.try_get(0)?,
            checksum: row.try_get(1)?,
            whole: row.try_get(2)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Reading takes turns: a report beside a running gateway must not take all of a database's connections.
///
/// A connection to write with is asked before each use whether its server still takes writes. Without that a pool would
/// go on with a primary that became a standby, since such a server answers.
fn pool(url: &str, access: Access, patience: Duration) -> Result<AnyPool, LedgerError> {
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = url.parse()?;
    let settings = format!(
        "SET default_transaction_read_only = {}; SET statement_timeout = {}",
        if access.writes() { "off" } else { "on" },
        millis(patience)
    );
    let mut pool = AnyPoolOptions::new()
        .max_connections(super::CONNECTIONS)
        .acquire_timeout(patience)
        .after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        });
    if access.writes() {
        // A server that another has taken over from still answers.
        pool = pool
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(takes_writes(connection)));
    }
    Ok(pool.connect_lazy_with(options))
}

async fn takes_writes(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let statement = "SELECT CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END";
    let in_recovery: i32 = sqlx::query_scalar(statement).fetch_one(connection).await?;
    Ok(in_recovery == 0)
}

fn no_ledger(url: &str, why: &str) -> LedgerError {
    LedgerErrorKind::NotALedger {
        place: Location::Postgres(url.to_owned()).to_string(),
        why: why.to_owned(),
    }
    .into()
}
