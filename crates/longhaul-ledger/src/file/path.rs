//! A path is a path: it never goes through the notations of a URL, except as bytes that are all escaped.
//!
//! sqlx's pool for any database takes a URL, and in a URL `?`, `%`, `#` and `:` mean something. A ledger called
//! `50%.db` would be opened under another name, and one called `spend.db?mode=memory` would be kept in memory alone. So
//! every byte but letters, digits and slashes is escaped. `tests/durable/paths.rs` opens files of all kinds of names.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::error::{LedgerError, LedgerErrorKind};

/// Why the ledger at `path` cannot be.
pub(super) fn refused(path: &Path, why: impl Into<String>) -> LedgerError {
    LedgerErrorKind::Location {
        given: path.display().to_string(),
        why: why.into(),
    }
    .into()
}

/// The one name of the file at `path`, there or not: without links, and never one that SQLite takes for a URL.
///
/// Links are followed: the lock and the log stand beside the file itself, whichever name it was opened by.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, LedgerError> {
    let cannot = |error: io::Error| refused(path, error.to_string()).with_source(error);
    let found = match path.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => in_folder(path).map_err(cannot)?,
        Err(error) => return Err(cannot(error)),
    };
    if found.to_str().is_none() {
        return Err(refused(path, "its name is not UTF-8, which SQLite wants"));
    }
    Ok(found)
}

/// The path of a file that is not there yet.
fn in_folder(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        let why = "it is no name of a file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize()?.join(name))
}

/// The file called the same with `ending` behind it: `spend.db-wal`.
///
/// SQLite builds the names of its log and index the same way.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// How the readers' pool is told of the absolute `path`: every byte that could mean something is escaped.
pub(crate) fn readers_url(path: &Path, parameters: &str) -> String {
    use std::fmt::Write as _;

    let mut url = "sqlite:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || *byte == b'/' {
            url.push(char::from(*byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    format!("{url}?{parameters}")
}

/// Makes the file that nobody but its owner may read, where there is none yet. SQLite gives the files beside it the same
/// rights.
///
/// It is made before SQLite opens it: what SQLite makes would have the rights that the process's mask leaves, for
/// everybody to read.
pub(crate) fn private(path: &Path) -> Result<(), LedgerError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A link that leads nowhere is there, and is no file.
            match path.metadata() {
                Ok(_) => Ok(()),
                Err(error) => Err(refused(path, format!("it leads nowhere: {error}"))),
            }
        }
        Err(error) => Err(refused(path, format!("it cannot be made: {error}")).with_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_path_means_anything_in_its_url() {
        assert_eq!(
            readers_url(Path::new("/a b/50%?mode=memory#x:1.db"), "mode=ro"),
            "sqlite:/a%20b/50%25%3Fmode%3Dmemory%23x%3A1%2Edb?mode=ro"
        );
    }

    #[test]
    fn a_link_that_leads_nowhere_is_no_place_for_a_file() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let link = folder.path().join("spend.db");
        std::os::unix::fs::symlink("/nowhere/at/all", &link).expect("there is room for a link");
        private(&link).expect_err("it leads nowhere");
    }
}
