//! A whole copy of a file, also while it is written to.
//!
//! `VACUUM INTO` reads the whole file in one transaction and writes what is alive into a new one. A copy of the bytes
//! would need the log too, at the same moment, and would take over the room of removed entries. SQLite's other way, its
//! backup interface, begins anew whenever somebody writes, and beside a busy gateway it would not end.

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
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use longhaul_ledger::{Location, Store};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let to = folder.path().join("spend-2026-01-17.db");
    /// let bytes = store.backup(&to).await?;
    /// assert_eq!(std::fs::metadata(&to)?.len(), bytes);
    /// let copy = Store::open(&Location::Sqlite(to.clone())).await?;
    /// assert_eq!(copy.records(&Default::default()).await?, store.records(&Default::default()).await?);
    /// assert!(store.backup(&to).await.is_err(), "a backup replaces nothing");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// Entries that run at that moment are in the copy as open ones. While it is made the log of the ledger cannot be
    /// emptied, so that it grows by what is written meanwhile. Dropped in the middle it leaves nothing at `to`.
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
