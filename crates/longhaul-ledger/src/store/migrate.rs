//! The tables' versions: embedded in the program, checked by their sums, never undone.

use std::sync::LazyLock;

use sqlx::{
    ConnectOptions as _, Connection as _, SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    error::{LedgerError, LedgerErrorKind},
    location::Location,
};

/// The versions of one database, oldest first. `sqlx::migrate!` does the same, but its feature builds sqlx, both drivers and
/// SQLite a second time for the compiler's own use.
macro_rules! migrations {
    ($database:literal: $($version:literal $name:literal),+ $(,)?) => {
        LazyLock::new(|| Migrator::with_migrations(vec![$(Migration::new(
            $version,
            $name.into(),
            MigrationType::Simple,
            include_str!(concat!("../../migrations/", $database, "/000", $version, "_", $name, ".sql")).into_sql_str(),
            false,
        )),+]))
    };
}

static SQLITE: LazyLock<Migrator> = migrations!("sqlite": 1 "attempts", 2 "verdicts", 3 "claims");
static POSTGRES: LazyLock<Migrator> =
    migrations!("postgres": 1 "attempts", 2 "verdicts", 3 "claims");

/// Brings the tables at `location` up to date, and returns the URL for readers.
pub(super) async fn run(location: &Location) -> Result<String, LedgerError> {
    match location {
        Location::Sqlite(path) => {
            let options = sqlite(path);
            let mut connection = options.connect().await?;
            SQLITE
                .run_direct(None, &mut connection, false)
                .await
                .map_err(|error| refused(&SQLITE, error))?;
            connection.close().await?;
            Ok(options.to_url_lossy().to_string())
        }
        Location::Postgres(url) => {
            let mut connection = postgres(url)?.connect().await?;
            POSTGRES
                .run_direct(None, &mut connection, false)
                .await
                .map_err(|error| refused(&POSTGRES, error))?;
            connection.close().await?;
            Ok(url.clone())
        }
    }
}

/// How a file is opened for writing.
pub(crate) fn sqlite(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

/// How a database is reached for writing.
pub(crate) fn postgres(url: &str) -> Result<PgConnectOptions, LedgerError> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        // The URL itself may hold a password.
        LedgerErrorKind::Location {
            given: "postgres".to_owned(),
            why: error.to_string(),
        }
    })?;
    Ok(options
        .application_name("longhaul-ledger")
        .options([("synchronous_commit", "on")]))
}

fn refused(known: &Migrator, error: MigrateError) -> LedgerError {
    let newest = known.iter().map(|migration| migration.version).max();
    let kind = match &error {
        MigrateError::VersionMissing(found) => LedgerErrorKind::Newer {
            found: *found,
            known: newest.unwrap_or_default(),
        },
        MigrateError::VersionMismatch(version) => LedgerErrorKind::Altered {
            what: format!("migration {version} was a different one"),
        },
        MigrateError::Dirty(version) => LedgerErrorKind::Altered {
            what: format!("migration {version} broke off half way"),
        },
        _ => LedgerErrorKind::Database,
    };
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        error => LedgerError::from(kind).with_source(error),
    }
}
