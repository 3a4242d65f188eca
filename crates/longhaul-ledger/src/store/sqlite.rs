//! A file of SQLite's, opened to read or to write.
//!
//! # Before a file is touched
//!
//! What is at the path is looked at through a plain connection, which changes nothing: a database of another program
//! must not be turned into one with a write-ahead log because of a mistyped path. Only what is ours, or empty and to be
//! made, is opened for writing.
//!
//! # Reading without a trace
//!
//! A reader of a file with a log needs the index beside it, and makes it where it is missing. A file that nobody writes
//! to is therefore read as immutable; see [`pools`](super::pools).

use std::path::{Path, PathBuf};

use sqlx::{
    AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    any::AnyPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    Access, Store,
    migrate::{SQLITE, refused},
    pools::Pools,
    version::{self, Applied},
};
use crate::{
    error::{LedgerError, LedgerErrorKind},
    file::{self, AtRest, Guard},
    location::Location,
};

/// "LHLG": what our files say of themselves, from version 4 on.
const APPLICATION: i64 = 0x4c48_4c47;

/// Pages in the log before they are copied into the file: 4 MB, so that a small disk is not full of what was written
/// twice.
///
/// It is SQLite's own default, set all the same: a build of SQLite may have another one.
pub(crate) const LOG_PAGES: &str = "1000";

/// What is left of the log file after that: no more than it needs.
const LOG_BYTES: &str = "4194304";

/// How a file is opened for writing.
///
/// The writer reads the two settings that matter back: see `durable::sink`.
pub(crate) fn to_write(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", LOG_BYTES)
}

/// Refuses to write where a part of the log cannot be read, since that would be overwritten; unless `despite_damage`.
///
/// The log is looked at before the file is opened: SQLite takes what it can read of a log at the first look, and copies
/// that into the file.
pub(crate) async fn open(
    given: &Path,
    access: Access,
    despite_damage: bool,
) -> Result<Store, LedgerError> {
    let path = file::absolute(given)?;
    match path.metadata() {
        Ok(about) if about.is_file() => {}
        Ok(_) => return Err(no_ledger(&path, "it is no file")),
        Err(_) if access == Access::Create => file::private(&path)?,
        Err(_) => return Err(LedgerErrorKind::Missing { path }.into()),
    }
    let unreadable = file::unreadable(&path);
    if access.writes() && unreadable.transactions > 1 && !despite_damage {
        return Err(LedgerErrorKind::Damaged {
            path: file::beside(&path, "-wal"),
            what: format!(
                "{} frames of the log cannot be read, and with them {} transactions; \
                 `longhaul-ledger recover --despite-damage` goes on with what can be",
                unreadable.frames, unreadable.transactions
            ),
        }
        .into());
    }
    let (version, pools, guard) = if access.writes() {
        let version = migrated(&path, access).await?;
        // Not over the log: where nobody else has the file open, it comes and goes with the pool's connections.
        let guard = Guard::over(&path);
        (version, Pools::one(move || writers(&path)), Some(guard))
    } else {
        let (version, pools) = read(path).await?;
        (version, pools, None)
    };
    Ok(
        Store::new(Location::Sqlite(given.to_owned()), access, version, pools)
            .with_file(guard, unreadable),
    )
}

/// Brings the tables up to date, once it is sure that they are ours, or that there are none.
///
/// Tables that are too old to read are no obstacle here: bringing them up to date is what this is for.
async fn migrated(path: &Path, access: Access) -> Result<i64, LedgerError> {
    // Not yet turned into anything.
    let plain = SqliteConnectOptions::new().filename(path);
    let mut connection = plain
        .connect()
        .await
        .map_err(|error| not_sqlite(path, error))?;
    let found = version_of(&mut connection, path).await;
    connection.close().await?;
    match found {
        Ok(None) if access == Access::Create => {}
        Ok(None) => return Err(no_ledger(path, "it is empty")),
        Ok(Some(_)) => {}
        Err(error) if matches!(error.kind(), LedgerErrorKind::Older { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut connection = to_write(path).connect().await?;
    SQLITE
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| refused(&SQLITE, error))?;
    connection.close().await?;
    Ok(version::newest(&SQLITE))
}

/// The pool of a store that writes. Its connections take the file's mode as it is.
fn writers(path: &Path) -> AnyPool {
    lazily(&file::readers_url(path, "mode=rw"))
}

/// Reading takes turns.
///
/// No connection is made before the first statement, so that opening a store holds no file.
fn lazily(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    AnyPoolOptions::new()
        .max_connections(super::CONNECTIONS)
        .connect_lazy(url)
        .expect("every byte of the path is escaped")
}

/// A file that nobody writes into is read without making any beside it, until somebody does.
async fn read(path: PathBuf) -> Result<(i64, Pools), LedgerError> {
    let looked = async |alone: bool| {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        let mut connection = options
            .immutable(alone)
            .connect()
            .await
            .map_err(|error| not_sqlite(&path, error))?;
        let found = version_of(&mut connection, &path).await;
        connection.close().await?;
        found
    };
    let at_rest = AtRest::of(&path);
    let (at_rest, found) = match (looked(at_rest.is_some()).await, at_rest) {
        // Somebody began to write meanwhile.
        (_, Some(at_rest)) if !at_rest.holds() => (None, looked(false).await),
        (found, at_rest) => (at_rest, found),
    };
    let version = found?.ok_or_else(|| no_ledger(&path, "it is empty"))?;
    let shared = {
        let path = path.clone();
        move || lazily(&file::readers_url(&path, "mode=ro"))
    };
    let pools = match at_rest {
        None => Pools::one(shared),
        Some(at_rest) => {
            let alone = lazily(&file::readers_url(&path, "mode=ro&immutable=true"));
            Pools::until(alone, at_rest, shared)
        }
    };
    Ok((version, pools))
}

fn no_ledger(path: &Path, why: &str) -> LedgerError {
    LedgerErrorKind::NotALedger {
        place: path.display().to_string(),
        why: why.to_owned(),
    }
    .into()
}

/// SQLite's code for a file that is no database.
const NO_DATABASE: &str = "26";

fn not_sqlite(path: &Path, error: sqlx::Error) -> LedgerError {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.as_deref() == Some(NO_DATABASE) {
        return no_ledger(path, "it is no database of SQLite's").with_source(error);
    }
    error.into()
}

/// The version of the tables; none for a file without any.
///
/// Three marks, in the order in which they cost nothing: the application's id in the header, whether there are tables
/// at all, and the list of migrations, whose first one has to be ours.
async fn version_of(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Option<i64>, LedgerError> {
    let number = async |connection: &mut SqliteConnection, statement: &'static str| {
        sqlx::query_scalar::<_, i64>(statement)
            .fetch_one(connection)
            .await
            .map_err(|error| not_sqlite(path, error))
    };
    let application = number(connection, "PRAGMA application_id").await?;
    if application != 0 && application != APPLICATION {
        return Err(no_ledger(path, "it is another program's"));
    }
    let tables = number(connection, "SELECT COUNT(*) FROM sqlite_schema").await?;
    if tables == 0 && application == 0 {
        return Ok(None);
    }
    let listed = "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let mut applied = Vec::new();
    if number(connection, listed).await? > 0 {
        let rows = sqlx::query(AssertSqlSafe(APPLIED))
            .fetch_all(connection)
            .await?;
        for row in rows {
            applied.push(Applied {
                version: row.try_get(0)?,
                checksum: row.try_get(1)?,
                whole: row.try_get(2)?,
            });
        }
    }
    if !version::is_ours(&SQLITE, &applied) {
        return Err(no_ledger(path, "its tables are others"));
    }
    version::of(&SQLITE, &applied).map(Some)
}

/// The migrations that a database lists.
pub(super) const APPLIED: &str =
    "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
