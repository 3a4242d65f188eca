//! Why a ledger could not be opened, written or read.

use std::{error::Error, fmt, path::PathBuf, sync::Arc};

/// Why a ledger could not be opened, written or read.
#[derive(Clone, Debug)]
pub struct LedgerError {
    kind: LedgerErrorKind,
    // Shared: everybody who waits for one commit is told why it failed.
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong, with what a person has to know to mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// Neither the path of a file nor the URL of a PostgreSQL database.
    Location {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no ledger at this place, and none was to be made.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes into this file.
    InUse {
        /// The file.
        path: PathBuf,
        /// Who, as it wrote into the lock.
        by: String,
    },
    /// A newer version of this library made the ledger.
    Newer {
        /// The version of its tables.
        found: i64,
        /// The newest that is understood here.
        known: i64,
    },
    /// The tables are not what this library made.
    Altered {
        /// What differs.
        what: String,
    },
    /// The database does not keep what it confirms: see [`DurableLedger`](crate::DurableLedger).
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// The disk or the database is full.
    Full,
    /// The database cannot be reached.
    Unreachable,
    /// So many entries are held in memory while the database cannot be written that no further one is taken.
    Held {
        /// How many are held.
        entries: usize,
    },
    /// The ledger was closed.
    Closed,
    /// The database refused a statement.
    Database,
    /// A row cannot be read.
    Row {
        /// The column.
        column: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file that was to be read is not what it should be. Nothing of it was taken.
    File {
        /// The file's name.
        file: String,
        /// The line, from 1; 0 where the whole file is meant.
        line: u64,
        /// The column or the byte, from 1; 0 where the whole line is meant.
        column: u64,
        /// What is wrong there.
        why: String,
    },
    /// Claims could not be written to files. None of them counts as exported.
    Export {
        /// The folder.
        folder: PathBuf,
    },
    /// A setting or an argument that cannot work.
    Setting {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl LedgerError {
    /// What went wrong.
    pub const fn kind(&self) -> &LedgerErrorKind {
        &self.kind
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// A setting called `name` that cannot work.
    pub(crate) fn setting(name: impl Into<String>, why: impl fmt::Display) -> Self {
        let (name, why) = (name.into(), why.to_string());
        LedgerErrorKind::Setting { name, why }.into()
    }

    /// A row whose `column` cannot be read.
    pub(crate) fn row(column: impl Into<String>, why: impl fmt::Display) -> Self {
        let (column, why) = (column.into(), why.to_string());
        LedgerErrorKind::Row { column, why }.into()
    }
}

impl From<LedgerErrorKind> for LedgerError {
    fn from(kind: LedgerErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// SQLite's code for a full disk, and PostgreSQL's.
const FULL: [&str; 2] = ["13", "53100"];

/// PostgreSQL's for a server that stops, starts, gives way to another or has no connection left, and for a
/// transaction that has to be tried again; SQLite's for a file that somebody else holds.
const PASSING: [&str; 11] = [
    "57P01", "57P02", "57P03", "57P05", "53300", "25006", "40001", "40P01", "5", "261", "517",
];

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let kind = match &error {
            E::Database(database) if database.code().is_some_and(|code| FULL.contains(&&*code)) => {
                LedgerErrorKind::Full
            }
            E::Database(database)
                if database
                    .code()
                    .is_some_and(|code| PASSING.contains(&&*code) || code.starts_with("08")) =>
            {
                LedgerErrorKind::Unreachable
            }
            E::ColumnDecode { index, source } => LedgerErrorKind::Row {
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

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LedgerErrorKind as K;
        match &self.kind {
            K::Location { given, why } => write!(
                f,
                "{given:?} is no place for a ledger: {why}; give the path of a file, or postgres://…"
            ),
            K::Missing { path } => write!(f, "there is no ledger at {}", path.display()),
            K::InUse { path, by } => write!(
                f,
                "another process writes into {} ({by}): one writer per file; stop it, or use PostgreSQL for several",
                path.display()
            ),
            K::Newer { found, known } => write!(
                f,
                "the ledger's tables are of version {found}, and this program knows {known} at most: use a newer one"
            ),
            K::Altered { what } => write!(f, "the ledger's tables are not what they should be: {what}"),
            K::NotDurable {
                setting,
                found,
                wanted,
            } => write!(
                f,
                "the database may lose what it confirms: `{setting}` is {found}, and must be {wanted}"
            ),
            K::Full => f.write_str("there is no room left for the ledger: free some; nothing was sent without an entry"),
            K::Unreachable => f.write_str("the ledger's database cannot be reached"),
            K::Held { entries } => write!(
                f,
                "{entries} entries wait in memory for the ledger's database; no further call is begun before it is back"
            ),
            K::Closed => f.write_str("the ledger was closed"),
            K::Database => f.write_str("the ledger's database refused a statement"),
            K::Row { column, why } => write!(f, "the ledger's column `{column}` cannot be read: {why}"),
            K::File {
                file,
                line,
                column,
                why,
            } => {
                write!(f, "{file}")?;
                if *line > 0 {
                    write!(f, ", line {line}")?;
                }
                if *column > 0 {
                    write!(f, ", column {column}")?;
                }
                write!(f, ": {why}; nothing of the file was taken")
            }
            K::Export { folder } => write!(
                f,
                "claims cannot be written to {}; none counts as exported",
                folder.display()
            ),
            K::Setting { name, why } => write!(f, "`{name}`: {why}"),
        }
    }
}

impl Error for LedgerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
