//! Files by provider and month.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tempfile::NamedTempFile;

use super::Format;
use crate::{
    claims::FoundClaim,
    error::{LedgerError, LedgerErrorKind},
    period,
    store::Store,
};

/// A file of claims.
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
    /// then writes down that they were exported at `now`; `again` as for [`mark_exported`](Self::mark_exported).
    ///
    /// A file that is there already stays as it is: the next one is called `…-2026-01-2.csv`. Where anything fails, no
    /// claim counts as exported, and no file of this export is left.
    pub async fn export(
        &self,
        claims: &[&FoundClaim],
        folder: &Path,
        format: Format,
        now: SystemTime,
        again: bool,
    ) -> Result<Vec<Written>, LedgerError> {
        let mut written = Vec::new();
        let done = match write(claims, folder, format, &mut written) {
            Ok(()) => self.mark_exported(claims, now, again).await,
            Err(error) => Err(refused(folder, error)),
        };
        match done {
            Ok(()) => Ok(written),
            Err(error) => {
                for Written { file, .. } in &written {
                    // It is ours, and counts for nothing; what matters is the first error.
                    let _ = fs::remove_file(file);
                }
                Err(error)
            }
        }
    }
}

/// Writes the files, and has them safe on disk; those that are there are in `written`, at an error too.
fn write(
    claims: &[&FoundClaim],
    folder: &Path,
    format: Format,
    written: &mut Vec<Written>,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut files: BTreeMap<String, Vec<&FoundClaim>> = BTreeMap::new();
    for claim in claims {
        files.entry(name(claim)).or_default().push(claim);
    }
    for (name, claims) in files {
        let mut file = NamedTempFile::new_in(folder)?;
        format.write(claims.iter().copied(), io::BufWriter::new(&mut file))?;
        file.as_file().sync_all()?;
        written.push(Written {
            file: keep(file, folder, &name, format)?,
            claims: claims.len(),
        });
    }
    sync_names(folder)
}

/// The names are safe on disk too, where a folder can be asked for that.
fn sync_names(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Gives `file` the first name that is free.
fn keep(mut file: NamedTempFile, folder: &Path, name: &str, format: Format) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let path = if number == 1 {
            folder.join(format!("{name}.{}", format.ending()))
        } else {
            folder.join(format!("{name}-{number}.{}", format.ending()))
        };
        file = match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => taken.file,
            Err(other) => return Err(other.error),
        };
        number += 1;
    }
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

fn refused(folder: &Path, error: io::Error) -> LedgerError {
    let folder = folder.to_owned();
    LedgerError::from(LedgerErrorKind::Export { folder }).with_source(error)
}
