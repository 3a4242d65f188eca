//! The kinds of errors, and the text of each.
//!
//! The texts stand beside the kinds, so that no number of a kind is left out of its text. Each says what is wrong and,
//! where a person can do something, what. None holds a password: places are shown without user and parameters.

use std::{fmt, path::PathBuf};

/// What went wrong, with what a person has to know to mend it.
///
/// What passes by itself is worth a second try: [`Unreachable`](Self::Unreachable), [`Locked`](Self::Locked) and
/// [`Changed`](Self::Changed). Everything else needs a person.
///
/// ```
/// use longhaul_ledger::{LedgerErrorKind, Location};
///
/// let error = "mysql://db.example.com/spend".parse::<Location>().unwrap_err();
/// assert!(matches!(error.kind(), LedgerErrorKind::Location { .. }));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// Neither the path of a file nor the URL of a PostgreSQL database.
    ///
    /// A URL is named by its scheme alone: the rest of it may hold a password.
    Location {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no ledger at this place, and none was to be made.
    ///
    /// Reading, opening to write and [`recover`](crate::recover()) say this;
    /// [`DurableLedger::open`](crate::DurableLedger::open) makes a ledger.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// What is at this place is no ledger. Nothing of it was changed.
    ///
    /// An empty file, a text, another program's database: a ledger is made in an empty file, and in no other.
    NotALedger {
        /// The file or the database.
        place: String,
        /// What it is instead.
        why: String,
    },
    /// This build of the library cannot open such a ledger.
    ///
    /// Its features leave the database out, or the system is none that a ledger in a file is for.
    Unsupported {
        /// What it cannot open, and why.
        what: &'static str,
    },
    /// It was opened to read.
    ///
    /// Open it with [`Store::open_to_write`](crate::Store::open_to_write).
    ///
    /// Nothing was changed. Claims, verdicts and exports are written; lists and reports are not.
    ReadOnly,
    /// Another process writes into this file.
    ///
    /// For several writers use PostgreSQL. One that reads is never in the way, and is not refused.
    InUse {
        /// The file.
        path: PathBuf,
        /// Who writes, as that process wrote it into the lock.
        by: String,
    },
    /// A newer version of this library made the ledger.
    ///
    /// Nothing was changed. An older program cannot know what the newer tables mean, and would count wrongly.
    Newer {
        /// The version of its tables.
        found: i64,
        /// The newest version that is understood here.
        known: i64,
    },
    /// An older version made the ledger, and it was never opened for writing since.
    ///
    /// Opening it to write brings it up to date, which an older program then cannot read any more.
    Older {
        /// The version of its tables.
        found: i64,
        /// The oldest version that can be read here.
        wanted: i64,
    },
    /// The tables are not what this library made.
    ///
    /// Somebody changed them by hand, or a migration broke off. Restore a backup, or compare the tables with the
    /// crate's `migrations`.
    Altered {
        /// What differs.
        what: String,
    },
    /// The database does not keep what it confirms: see [`DurableLedger`](crate::DurableLedger).
    ///
    /// The ledger sets what it needs; the database, its file system or a proxy decided otherwise.
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What the database has instead.
        found: String,
        /// What the setting has to be.
        wanted: &'static str,
    },
    /// A file of an open ledger is not where it was: what would be written into it would be lost.
    ///
    /// Every call is refused from then on: the ledger does not look for the file at its new place.
    Moved {
        /// The file.
        path: PathBuf,
        /// What became of it.
        what: &'static str,
    },
    /// The ledger's file, or the log beside it, is damaged.
    ///
    /// What to do about it stands in [`backups`](crate::backups).
    Damaged {
        /// The file.
        path: PathBuf,
        /// What cannot be read, in numbers.
        what: String,
    },
    /// Somebody began to write into a file that was being read.
    ///
    /// Read it again.
    Changed,
    /// The disk or the database is full.
    ///
    /// Nothing was sent without an entry. Free some room, by [`prune`](crate::Store::prune) for one.
    ///
    /// Openings are refused at once, and not only after patience. Closings wait in memory until there is room.
    Full,
    /// Another process holds the file locked.
    ///
    /// It passes when that one lets go.
    ///
    /// For example another program holds a transaction open. The readers of this crate never hold the file locked.
    Locked,
    /// The database cannot be reached.
    ///
    /// For as long as [patience](crate::Builder::patience) lasts it is waited for.
    ///
    /// The server is away, hangs, restarts, or gives its place to another. Nothing is lost by it that was confirmed.
    Unreachable,
    /// So many entries wait in memory for a database that is away that no further one is taken.
    ///
    /// The bound is [`held`](crate::Builder::held). It is reached mostly with
    /// [`SpendAndWriteLater`](crate::WhenUnreachable::SpendAndWriteLater): by default openings leave memory when their
    /// patience ends, and only closings stay.
    Held {
        /// How many are held.
        entries: usize,
    },
    /// The ledger was closed.
    ///
    /// A call came after [`close`](crate::DurableLedger::close): stop taking calls first.
    Closed,
    /// The database refused a statement.
    ///
    /// The [source](std::error::Error::source) has the database's own words.
    Database,
    /// A row cannot be read.
    ///
    /// A damaged row, or one with a word of a newer version. [`Store::scan`](crate::Store::scan) reads around it.
    Row {
        /// The entry whose row it is, where that is known.
        entry: Option<String>,
        /// The column.
        column: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file that was to be read is not of the form that it should have. Nothing of it was taken.
    ///
    /// A log of a provider's, a map of columns, or a file of rules.
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
    /// Another export took one of the claims meanwhile. None of the claims of this export counts as exported.
    ///
    /// Find the claims again: what is left of them can be exported.
    Taken,
    /// A setting or an argument that cannot work.
    Setting {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for LedgerErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LedgerErrorKind as K;
        match self {
            K::Location { given, why } => {
                write!(f, "{given:?} is no place for a ledger: {why}")
            }
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
