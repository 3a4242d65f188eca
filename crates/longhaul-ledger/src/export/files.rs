//! Files by provider and month, each export all or nothing.
//!
//! The export is noted before anything is written. Its files are written into a folder of their own beside their places,
//! the claims are marked, and only then do the files get their names. Whoever is cut off in between leaves an export that
//! [`Store::finish_exports`] finishes or undoes.
//!
//! Why so many steps: a support must get each claim once. Files that are written before the claims are marked may be
//! sent and then written again; claims that are marked before the files are written may never be sent. So both are
//! done, each half in a way that can be undone or finished, and a row of `exports` says which half was reached:
//!
//! | the process dies | what is there | what [`Store::finish_exports`] does |
//! |---|---|---|
//! | before the marking is committed | a row `Writing`, a hidden folder | removes both; the claims are open |
//! | after it | a row `Marked`, a hidden folder, marked claims | gives the files their names |
//! | while names are given | the same, some files in their places | goes on with the others |

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use uuid::Uuid;

use super::{Format, workspace::Workspace};
use crate::{
    claims::FoundClaim,
    error::{LedgerError, LedgerErrorKind},
    period,
    store::{EntryId, Store},
};

/// A file of claims.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use std::time::SystemTime;
/// use longhaul_ledger::{Filter, LedgerErrorKind, claims::ClaimBook, export::Format};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// let found = store.claims(&ClaimBook::default(), &Filter::default()).await?.claims;
/// let claims: Vec<_> = found.iter().collect();
/// let out = folder.path().join("claims");
/// let written = store.export(&claims, &out, Format::Csv, SystemTime::now(), false).await?;
/// assert_eq!((written.len(), written[0].claims), (1, 1));
/// assert!(written[0].file.to_string_lossy().contains("claims-relay.example.com-"));
/// let again = store.export(&claims, &out, Format::Csv, SystemTime::now(), false).await.unwrap_err();
/// assert_eq!(*again.kind(), LedgerErrorKind::Taken);
/// assert_eq!(std::fs::read_dir(&out)?.count(), 1, "nothing is left of the one that was refused");
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Written {
    /// Where it is.
    ///
    /// An absolute path, without links.
    pub file: PathBuf,
    /// How many claims it holds.
    pub claims: usize,
}

impl Store {
    /// Writes `claims` into `folder`, a file for each provider and month (`claims-api.example.com-2026-01.csv`), and
    /// writes down that they were exported at `now`; `again` as for [`mark_exported`](Self::mark_exported). Each row
    /// names the export.
    ///
    /// A file that is there already stays as it is: the next one is called `…-2026-01-2.csv`. Where anything fails before
    /// the claims are marked, none counts as exported, and no file of this export is left; after that, or where the
    /// process dies, [`finish_exports`](Self::finish_exports) does what is left to do.
    ///
    /// The folder is made where it is missing. The files are readable by their owner alone. What state the claims are
    /// in is not looked at: leave out those that are not wanted, such as [`Verify`](crate::claims::ClaimState::Verify).
    ///
    /// Dropped in the middle it is as if the process had died there.
    ///
    /// # Errors
    ///
    /// [`Export`](LedgerErrorKind::Export) where the folder cannot be written, [`Taken`](LedgerErrorKind::Taken) where
    /// another export was quicker, [`ReadOnly`](LedgerErrorKind::ReadOnly), and what the database says.
    pub async fn export(
        &self,
        claims: &[&FoundClaim],
        folder: &Path,
        format: Format,
        now: SystemTime,
        again: bool,
    ) -> Result<Vec<Written>, LedgerError> {
        let id = EntryId::now().0;
        let refused = |error| refused(folder, error);
        fs::create_dir_all(folder).map_err(refused)?;
        let folder = folder.canonicalize().map_err(refused)?;
        self.note_export(id, &folder, now).await?;
        let workspace = Workspace::make(&folder, id);
        let written = workspace.and_then(|workspace| {
            let names = write(claims, &workspace, format, id)?;
            Ok((workspace, names))
        });
        let (workspace, names) = match written {
            Ok(written) => written,
            Err(error) => {
                Workspace::remove(&folder, id);
                self.forget_export(id).await?;
                return Err(refused(error));
            }
        };
        if let Err(error) = self.mark(claims, now, again, Some(id)).await {
            Workspace::remove(&folder, id);
            self.forget_export(id).await?;
            return Err(error);
        }
        let placed = workspace.publish().map_err(refused)?;
        self.end_export(id).await?;
        let claims = |file: &String| names.get(file).copied().unwrap_or_default();
        let written = placed.into_iter().map(|(name, file)| Written {
            claims: claims(&name),
            file,
        });
        Ok(written.collect())
    }
}

/// Writes the files into `workspace`, and has them safe on disk; how many claims are in each.
///
/// The files are durable before this returns, and so are their names in the hidden folder: the marking that follows may
/// be committed.
fn write(
    claims: &[&FoundClaim],
    workspace: &Workspace,
    format: Format,
    id: Uuid,
) -> io::Result<BTreeMap<String, usize>> {
    let mut files: BTreeMap<String, Vec<&FoundClaim>> = BTreeMap::new();
    for claim in claims {
        let name = format!("{}.{}", name(claim), format.ending());
        files.entry(name).or_default().push(claim);
    }
    for (name, claims) in &files {
        let mut file = workspace.create(name)?;
        let buffer = io::BufWriter::new(&mut file);
        format.write_as(Some(id), claims.iter().copied(), buffer)?;
        file.sync_all()?;
    }
    workspace.sync()?;
    Ok(files
        .into_iter()
        .map(|(name, claims)| (name, claims.len()))
        .collect())
}

/// `claims-PROVIDER-2026-01`, the month in the provider's time zone.
///
/// Letters, digits, `.`, `_` and `-` stay of a provider's name, which may come from a request: no name leaves the
/// folder.
fn name(claim: &FoundClaim) -> String {
    let opening = &claim.stored.record.opening;
    let provider = opening.provider.as_deref().unwrap_or("unknown");
    let safe = |letter: char| {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let provider: String = provider.chars().map(safe).take(100).collect();
    format!("claims-{provider}-{}", period::month_name(claim.month()))
}

pub(super) fn refused(folder: &Path, error: io::Error) -> LedgerError {
    let folder = folder.to_owned();
    LedgerError::from(LedgerErrorKind::Export { folder }).with_source(error)
}
