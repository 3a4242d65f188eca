//! A whole copy of a file, also while it is written to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Store;
use crate::{
    error::{LedgerError, LedgerErrorKind},
    location::Location,
};

impl Store {
    /// Writes a whole copy of a ledger in a file to `to`, as of one moment, and without the room that removed entries
    /// left; nobody but the owner may read it. Others may go on writing. How many bytes it has.
    ///
    /// ```no_run
    /// # async fn example(store: longhaul_ledger::Store) -> Result<(), longhaul_ledger::LedgerError> {
    /// let bytes = store.backup("spend-2026-01-17.db".as_ref()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Setting`](LedgerErrorKind::Setting) for a place where a file is already, and for a PostgreSQL database, whose
    /// own tools make copies; then what SQLite says. Nothing is left at `to`.
    pub async fn backup(&self, to: &Path) -> Result<u64, LedgerError> {
        let Location::Sqlite(_) = self.location() else {
            let why = "a PostgreSQL database is copied by its own tools, e.g. pg_dump";
            return Err(LedgerError::setting("backup", why));
        };
        let cannot = |error: io::Error| {
            let why = format!("{}: {error}", to.display());
            LedgerError::setting("backup", why).with_source(error)
        };
        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let folder = folder.canonicalize().map_err(cannot)?;
        if to.symlink_metadata().is_ok() {
            return Err(LedgerError::setting(
                "backup",
                format!("{} is there already", to.display()),
            ));
        }
        // SQLite fills an empty file.
        let copy = tempfile::NamedTempFile::new_in(&folder).map_err(cannot)?;
        let path = copy.path().to_str().map(str::to_owned).ok_or_else(|| {
            LedgerError::from(LedgerErrorKind::Location {
                given: to.display().to_string(),
                why: "its name is not UTF-8, which SQLite wants".to_owned(),
            })
        })?;
        sqlx::query("VACUUM INTO $1")
            .bind(path)
            .execute(self.pool())
            .await?;
        copy.as_file().sync_all().map_err(cannot)?;
        copy.persist_noclobber(to)
            .map_err(|refused| cannot(refused.error))?;
        if cfg!(unix) {
            let folder = fs::File::open(&folder).and_then(|folder| folder.sync_all());
            folder.map_err(cannot)?;
        }
        to.metadata().map(|about| about.len()).map_err(cannot)
    }
}
