//! Files by provider and month, each export all or nothing.
//!
//! The export is noted before anything is written. Its files are written into a folder of their own beside their places,
//! the claims are marked, and only then do the files get their names. Whoever is cut off in between leaves an export that
//! [`Store::finish_exports`] finishes or undoes.

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
/// ```no_run
/// use std::time::SystemTime;
/// use longhaul_ledger::{Filter, Store, claims::ClaimBook, export::Format};
///
/// # async fn example(store: Store) -> Result<(), longhaul_ledger::LedgerError> {
/// let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
/// let open: Vec<_> = found.claims.iter().filter(|claim| claim.state.is_open()).collect();
/// for written in store.export(&open, "claims".as_ref(), Format::Csv, SystemTime::now(), false).await? {
///     println!("{}: {} claims", written.file.display(), written.claims);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Written {
    /// Where it is.
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
