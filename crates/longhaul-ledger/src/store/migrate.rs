//! The tables' versions: embedded in the program, checked by their sums, never undone. Only writers bring them up to date.
//!
//! # Nothing of a migration may be edited
//!
//! What is compared is the sum over a file's whole text, comments included. A better comment in one of the files would
//! make this crate refuse every ledger that exists, as [`Altered`](LedgerErrorKind::Altered). So what there is to say
//! of the tables later is said here.
//!
//! 1. `writers`, `running`, `attempts`. Open and ended entries are two tables: what a crash left open is found without
//!    passing over years of ended ones.
//! 2. `imports`, `verdicts`. What a provider's log says stands beside the entry and not in it: the entry stays what was
//!    seen here.
//! 3. `claims`, and two partial indexes. A claim is a row only once it was exported; all others follow from rules,
//!    which may change.
//! 4. The mark of our files, `lock`, `checksum`, `task_handles`, `exports`. They are what a process that dies must
//!    neither lose nor do twice: tasks, half-written exports, a lock file that somebody removed.
//! 5. `submits`. Between a submit and its handle only the provider knows the task.
//! 6. `drafts_micros`. What partial images cost is no part of the price of a picture.
//!
//! # Choices that hold for all tables
//!
//! - `WITHOUT ROWID` in SQLite: the key is the id, and the rows lie in its order. A hidden row number would need a
//!   second tree.
//! - Every time is a number of microseconds in UTC (`…_at`), and every span too (`…_us`): both databases compare them
//!   alike, and no setting of a session changes what they mean.
//! - Words and not numbers for classes and states, without a type of their own: a newer version's word is read by an
//!   older program as a word that it does not know, and a person who looks into the tables understands them. They are
//!   those of [`words`](super::words).
//! - No foreign keys. The rows of other tables are written by other transactions than the attempt's, a note of a task
//!   perhaps before it, and nothing may keep an entry from being written.
//! - An index holds a condition where most rows do not meet it: `attempts_unusual` is small as long as most attempts
//!   are the first and deliver. A statement has to repeat the condition to be served by it.
//!
//! # Both databases have the same tables
//!
//! The files differ in the words for types alone (`BLOB`, `BYTEA`) and in what only one of them has. The tests of
//! `tests/durable` run on both.

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
