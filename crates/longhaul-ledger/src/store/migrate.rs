//! The tables' versions: embedded in the program, checked by their sums, never undone. Only writers bring them up to date.

use sqlx::migrate::{MigrateError, Migrator};

use super::version;
use crate::error::{LedgerError, LedgerErrorKind};

#[cfg(all(feature = "sqlite", unix))]
pub(super) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
#[cfg(feature = "postgres")]
pub(super) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

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
