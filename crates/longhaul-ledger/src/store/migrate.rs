//! The tables' versions: embedded in the program, checked by their sums, never undone. Only writers bring them up to date.

use std::sync::LazyLock;

use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use super::version;
use crate::error::{LedgerError, LedgerErrorKind};

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

#[cfg(all(feature = "sqlite", unix))]
pub(super) static SQLITE: LazyLock<Migrator> = migrations!("sqlite": 1 "attempts", 2 "verdicts", 3 "claims", 4 "tasks_exports_checksums", 5 "submits", 6 "drafts");
#[cfg(feature = "postgres")]
pub(super) static POSTGRES: LazyLock<Migrator> = migrations!("postgres": 1 "attempts", 2 "verdicts", 3 "claims", 4 "tasks_exports_checksums", 5 "submits", 6 "drafts");

/// Why the tables could not be brought up to date.
pub(super) fn refused(known: &Migrator, error: MigrateError) -> LedgerError {
    let kind = match &error {
        MigrateError::VersionMissing(found) => LedgerErrorKind::Newer {
            found: *found,
            known: version::newest(known),
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
