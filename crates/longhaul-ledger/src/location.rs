//! Where a ledger is, as a person writes it.
//!
//! It is read from text in one place, so that a command line, a variable and a config file mean the same by the same
//! words.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::error::{LedgerError, LedgerErrorKind};

/// Where a ledger is: a file of SQLite's, or a PostgreSQL database.
///
/// Text that names no ledger is [`Location`](LedgerErrorKind::Location), and so is `:memory:`: a ledger in memory would
/// forget what it confirms. Whether the build can open the place is asked only by opening it.
///
/// ```
/// use longhaul_ledger::Location;
///
/// assert!(matches!("spend.db".parse(), Ok(Location::Sqlite(_))));
/// assert!(matches!("postgres://ledger@db.example.com/spend".parse(), Ok(Location::Postgres(_))));
/// assert!("mysql://db.example.com/spend".parse::<Location>().is_err());
/// ```
///
/// A path is taken as it stands: no part of it is decoded, and a `?`, a `%` or a `:` in it is a letter of a name.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// The path of a file; `sqlite:` may stand before it.
    ///
    /// A relative one is relative to the folder in which the process runs when the ledger is opened.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`.
    ///
    /// With user, password and parameters as PostgreSQL's own programs take them. `Display` and `Debug` show neither.
    ///
    /// ```
    /// use longhaul_ledger::Location;
    ///
    /// let place: Location = "postgres://ledger:secret@db.example.com/spend?sslmode=require".parse()?;
    /// assert_eq!(place.to_string(), "postgres://db.example.com/spend");
    /// assert_eq!(format!("{place:?}"), "postgres://db.example.com/spend");
    /// # Ok::<(), longhaul_ledger::LedgerError>(())
    /// ```
    Postgres(String),
}

impl FromStr for Location {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let refuse = |why: &str| {
            // A URL may hold a password.
            let given = text
                .split_once("://")
                .map_or(text, |(scheme, _)| scheme)
                .to_owned();
            Err(LedgerErrorKind::Location {
                given,
                why: why.to_owned(),
            }
            .into())
        };
        let path = match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => return Ok(Self::Postgres(text.to_owned())),
            Some(("sqlite", path)) => path,
            Some(_) => {
                return refuse(
                    "only SQLite and PostgreSQL are known: give the path of a file, or postgres://…",
                );
            }
            None => text.strip_prefix("sqlite:").unwrap_or(text),
        };
        match path {
            "" => refuse("it is empty: give the path of a file, or postgres://…"),
            ":memory:" => refuse("what is in memory does not last: give the path of a file"),
            path => Ok(Self::Sqlite(path.into())),
        }
    }
}

impl Location {
    /// Why this build cannot open it.
    ///
    /// Told by opening, so that a program may parse a place that another build opens.
    pub(crate) fn unsupported(&self) -> LedgerError {
        let what = self.unsupported_on(cfg!(unix));
        LedgerErrorKind::Unsupported { what }.into()
    }

    /// The same on a system that is a Unix, or is none.
    ///
    /// Apart from the system, so that a test on Linux also reads what a user on Windows is told.
    const fn unsupported_on(&self, unix: bool) -> &'static str {
        match self {
            Self::Sqlite(_) if unix => "this build cannot open files: its feature `sqlite` is off",
            Self::Sqlite(_) => {
                "a ledger in a file needs locks and rights that this system does not have: on Windows use PostgreSQL"
            }
            Self::Postgres(_) => {
                "this build cannot reach PostgreSQL: its feature `postgres` is off"
            }
        }
    }
}

/// Without user and password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                // Its parameters may hold a password too.
                write!(
                    f,
                    "postgres://{}",
                    rest.split('?').next().unwrap_or_default()
                )
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_no_files_the_way_out_is_named() {
        let file: Location = "spend.db".parse().expect("it is a path");
        assert!(file.unsupported_on(false).contains("use PostgreSQL"));
        assert!(file.unsupported_on(true).contains("`sqlite` is off"));
        let database: Location = "postgres://db.example.com/spend"
            .parse()
            .expect("it is a URL");
        for unix in [true, false] {
            assert!(database.unsupported_on(unix).contains("`postgres` is off"));
        }
    }

    /// Whatever it is compiled for.
    #[cfg(not(all(feature = "sqlite", unix)))]
    #[tokio::test]
    async fn a_file_is_refused_and_none_is_made() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("spend.db");
        let opened = crate::DurableLedger::builder(Location::Sqlite(path.clone()))
            .open()
            .await;
        let error = opened.map(drop).expect_err("it cannot be opened");
        assert!(
            matches!(error.kind(), LedgerErrorKind::Unsupported { .. }),
            "{error}"
        );
        assert!(!path.exists());
    }
}
