//! One writer per file: a lock beside it, which the system releases when the process ends, however it ends.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::error::{LedgerError, LedgerErrorKind};

/// Held until it is dropped. Proves that no other process writes into the file.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes the lock of the ledger at `path`, as `name`; [`InUse`](LedgerErrorKind::InUse) where somebody has it.
    pub(crate) fn take(path: &Path, name: &str) -> Result<Self, LedgerError> {
        let cannot = |error: std::io::Error| {
            LedgerError::from(LedgerErrorKind::Location {
                given: path.display().to_string(),
                why: format!("its lock cannot be taken: {error}"),
            })
        };
        // Reached by another name, it is the same file.
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(_) => in_folder(path).map_err(cannot)?,
        };
        let mut beside = OsString::from(&path);
        beside.push(".lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                // Nobody knows what stands there.
                let _ = file.take(200).read_to_string(&mut by);
                let by = by.trim().to_owned();
                return Err(LedgerErrorKind::InUse { path, by }.into());
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{name}, process {}", std::process::id())
        };
        write(&mut file).map_err(cannot)?;
        Ok(Self(file))
    }
}

/// The path of a file that is not there yet.
fn in_folder(path: &Path) -> Result<PathBuf, std::io::Error> {
    let name = path.file_name().unwrap_or_default();
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize()?.join(name))
}
