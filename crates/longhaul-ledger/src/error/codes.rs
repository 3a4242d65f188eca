//! What databases say, in our words.
//!
//! What decides is whether waiting helps, so the codes are sorted by that and not by the database. A code that stands
//! in no list is a statement that the database refuses, which neither waiting nor free room mends.
//!
//! SQLite's codes are numbers, extended ones (`517` is `SQLITE_BUSY_SNAPSHOT`) as well as primary ones; PostgreSQL's
//! are five letters. No two of them are alike, so that one table serves both.

use std::path::PathBuf;

use super::{LedgerError, LedgerErrorKind};

/// SQLite's code for a full disk, and PostgreSQL's.
const FULL: [&str; 2] = ["13", "53100"];

/// PostgreSQL's for a server that stops, starts, gives way to another or has no connection left, for a statement that
/// waited for as long as it may, and for a transaction that has to be tried again.
///
/// `25006` is a statement that writes on a server that reads only: what was the primary has become a standby. `53300`
/// is too many connections. Class `08`, a connection that failed, is tested apart.
const PASSING: [&str; 10] = [
    "57P01", "57P02", "57P03", "57P05", "53300", "25006", "57014", "55P03", "40001", "40P01",
];

/// SQLite's for a file that somebody else holds.
///
/// `SQLITE_BUSY`, and the same during recovery (`261`) and for a snapshot that is too old (`517`).
const LOCKED: [&str; 3] = ["5", "261", "517"];

/// SQLite's for pages that are not what they should be, and PostgreSQL's.
///
/// `SQLITE_CORRUPT` with the extended codes for a virtual table and an index, and PostgreSQL's `data_corrupted`.
const DAMAGED: [&str; 4] = ["11", "267", "779", "XX001"];

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let kind = match &error {
            E::Database(database) if database.code().is_some_and(|code| FULL.contains(&&*code)) => {
                LedgerErrorKind::Full
            }
            E::Database(database)
                if database.code().is_some_and(|code| LOCKED.contains(&&*code)) =>
            {
                LedgerErrorKind::Locked
            }
            E::Database(database)
                if database
                    .code()
                    .is_some_and(|code| DAMAGED.contains(&&*code)) =>
            {
                LedgerErrorKind::Damaged {
                    path: PathBuf::new(),
                    what: "a page of it cannot be read".to_owned(),
                }
            }
            E::Database(database)
                if database
                    .code()
                    .is_some_and(|code| PASSING.contains(&&*code) || code.starts_with("08")) =>
            {
                LedgerErrorKind::Unreachable
            }
            E::ColumnDecode { index, source } => LedgerErrorKind::Row {
                entry: None,
                column: index.clone(),
                why: source.to_string(),
            },
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                LedgerErrorKind::Unreachable
            }
            _ => LedgerErrorKind::Database,
        };
        Self::from(kind).with_source(error)
    }
}
