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
    /// What is at this place is no ledger. Nothing of it was changed.
    NotALedger {
        /// The file or the database.
        place: String,
        /// What it is instead.
        why: String,
    },
    /// This build of the library cannot open such a ledger.
    Unsupported {
        /// What it cannot open, and why.
        what: &'static str,
    },
    /// It was opened to read.
    ReadOnly,
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
    /// An older version made the ledger, and it was never opened for writing since.
    Older {
        /// The version of its tables.
        found: i64,
        /// The oldest that can be read.
        wanted: i64,
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
    /// A file of an open ledger is not where it was: what would be written into it would be lost.
    Moved {
        /// The file.
        path: PathBuf,
        /// What became of it.
        what: &'static str,
    },
    /// The ledger's file, or the log beside it, is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What cannot be read, in numbers.
        what: String,
    },
    /// Somebody began to write into a file that was being read.
    Changed,
    /// The disk or the database is full.
    Full,
    /// Another process holds the file locked.
    Locked,
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
        /// The entry whose row it is, where that is known.
        entry: Option<String>,
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
    /// Another export took one of the claims meanwhile; none of this one's counts as exported.
    Taken,
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
        Self::row_of(None, column, why)
    }

    /// The same of an entry that is known.
    pub(crate) fn row_of(
        entry: Option<String>,
        column: impl Into<String>,
        why: impl fmt::Display,
    ) -> Self {
        let (column, why) = (column.into(), why.to_string());
        LedgerErrorKind::Row { entry, column, why }.into()
    }

    /// Whether it passes by itself, so that it helps to wait.
    pub(crate) const fn passes(&self) -> bool {
        matches!(
            self.kind,
            LedgerErrorKind::Unreachable | LedgerErrorKind::Locked
        )
    }
}

impl From<LedgerErrorKind> for LedgerError {
    fn from(kind: LedgerErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// SQLite's code for a full disk, and PostgreSQL's.
const FULL: [&str; 2] = ["13", "53100"];

/// PostgreSQL's for a server that stops, starts, gives way to another or has no connection left, for a statement that
/// waited for as long as it may, and for a transaction that has to be tried again.
const PASSING: [&str; 10] = [
    "57P01", "57P02", "57P03", "57P05", "53300", "25006", "57014", "55P03", "40001", "40P01",
];

/// SQLite's for a file that somebody else holds.
const LOCKED: [&str; 3] = ["5", "261", "517"];

/// SQLite's for pages that are not what they should be, and PostgreSQL's.
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

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LedgerErrorKind as K;
        match &self.kind {
            K::Location { given, why } => write!(
                f,
                "{given:?} is no place for a ledger: {why}; give the path of a file, or postgres://…"
            ),
            K::Missing { path } => write!(f, "there is no ledger at {}", path.display()),
            K::NotALedger { place, why } => {
                write!(f, "there is no ledger in {place}: {why}; nothing was changed")
            }
            K::Unsupported { what } => f.write_str(what),
            K::ReadOnly => f.write_str("the ledger was opened to read: open it to write"),
            K::InUse { path, by } => write!(
                f,
                "another process writes into {} ({by}): one writer per file; stop it, or use PostgreSQL for several",
                path.display()
            ),
            K::Newer { found, known } => write!(
                f,
                "the ledger's tables are of version {found}, and this program knows {known} at most: use a newer one"
            ),
            K::Older { found, wanted } => write!(
                f,
                "the ledger's tables are of version {found}, and {wanted} is the oldest that can be read: \
                 `longhaul-ledger recover` brings them up to date"
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
            K::Moved { path, what } => write!(
                f,
                "{} {what}: what would be written now would be lost, so that nothing is spent; put the file back and \
                 start the process again",
                path.display()
            ),
            K::Damaged { path, what } if path.as_os_str().is_empty() => write!(
                f,
                "the ledger is damaged: {what}; `longhaul-ledger check` says how much of it"
            ),
            K::Damaged { path, what } => write!(
                f,
                "{} is damaged: {what}; keep a copy of it and of the files beside it before anything is written",
                path.display()
            ),
            K::Changed => f.write_str("somebody began to write into the ledger while it was read: read it again"),
            K::Locked => f.write_str("another process holds the ledger's file locked"),
            K::Full => f.write_str("there is no room left for the ledger: free some; nothing was sent without an entry"),
            K::Unreachable => f.write_str("the ledger's database cannot be reached"),
            K::Held { entries } => write!(
                f,
                "{entries} entries wait in memory for the ledger's database; no further call is begun before it is back"
            ),
            K::Closed => f.write_str("the ledger was closed"),
            K::Database => f.write_str("the ledger's database refused a statement"),
            K::Row { entry, column, why } => {
                match entry {
                    Some(entry) => write!(f, "entry {entry}")?,
                    None => f.write_str("an entry")?,
                }
                if !column.is_empty() {
                    write!(f, ", column `{column}`,")?;
                }
                write!(f, " cannot be read: {why}")
            }
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
            K::Taken => f.write_str(
                "another export took some of these claims meanwhile, and none of this one's counts as exported: begin again",
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
