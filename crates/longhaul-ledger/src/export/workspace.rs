//! The folder in which the files of one export are written, beside the places that they get.
//!
//! It lies in the folder of the export and not in the system's for temporary files: only within one file system can a
//! file get its name in one step. Its name begins with a dot, so that lists of the folder do not show it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// A folder `.export-ID`, held by a lock in it for as long as the export runs.
///
/// The lock is dropped with it: whoever comes later then finishes or undoes what is left.
#[derive(Debug)]
pub(super) struct Workspace {
    folder: PathBuf,
    path: PathBuf,
    // Held, so that nobody finishes or undoes what still runs.
    _lock: File,
}

/// What is no file of the export.
///
/// It is passed over when files get their names.
const LOCK: &str = ".lock";

/// Whether the export of a workspace still runs.
#[derive(Debug)]
pub(super) enum Left {
    /// There is no such workspace.
    Gone,
    /// It runs.
    Runs,
    /// It was cut off.
    Behind(Workspace),
}

fn at(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!(".export-{id}"))
}

impl Workspace {
    /// Makes it in `folder`, for nobody else to read.
    pub(super) fn make(folder: &Path, id: Uuid) -> io::Result<Self> {
        let path = at(folder, id);
        make_private(&path)?;
        let lock = private(&path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            path,
            _lock: lock,
        })
    }

    /// The one that an export left behind, if it did.
    ///
    /// A folder without its lock file, left by a process that died between the two, gets one now and counts as left
    /// behind.
    pub(super) fn left(folder: &Path, id: Uuid) -> io::Result<Left> {
        let path = at(folder, id);
        if !path.is_dir() {
            return Ok(Left::Gone);
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Left::Behind(Self {
                folder: folder.to_owned(),
                path,
                _lock: lock,
            })),
            Err(fs::TryLockError::WouldBlock) => Ok(Left::Runs),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes it away with all that is in it. What fails is done by the next export.
    pub(super) fn remove(folder: &Path, id: Uuid) {
        let _ = fs::remove_dir_all(at(folder, id));
    }

    /// A file in it, that nobody else may read.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        private(&self.path.join(name))
    }

    /// The names in it are safe on disk too.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }

    /// Gives every file in it the first name that is free, and takes it away; each file's name here and its place.
    ///
    /// Called again after it was cut off, it goes on: files that have their names already are no longer here.
    pub(super) fn publish(self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != LOCK {
                names.push(name);
            }
        }
        names.sort();
        let mut placed = Vec::new();
        for name in names {
            let place = self.place(&name)?;
            placed.push((name, place));
        }
        sync(&self.folder)?;
        fs::remove_dir_all(&self.path)?;
        Ok(placed)
    }

    /// A link refuses a name that is taken, which a rename does not: it would write over a file of an earlier export.
    /// Where the file system has no links, a rename follows a look whether the name is free.
    fn place(&self, name: &str) -> io::Result<PathBuf> {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let here = self.path.join(name);
        let mut number = 1_u32;
        loop {
            let place = if number == 1 {
                self.folder.join(name)
            } else {
                self.folder.join(format!("{stem}-{number}.{ending}"))
            };
            // A second name is given only where there is no file of it; then the first one is taken away.
            match fs::hard_link(&here, &place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !is_same(&here, &place) {
                        number += 1;
                        continue;
                    }
                    // An export that was cut off between the two.
                }
                Err(_) if !place.exists() => fs::rename(&here, &place)?,
                Err(error) => return Err(error),
            }
            let _ = fs::remove_file(&here);
            return Ok(place);
        }
    }
}

/// Whether the file in its place is the one here, with its first name not yet taken away.
#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let [one, other] = [one, other].map(|path| fs::symlink_metadata(path).ok());
    one.zip(other)
        .is_some_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &Path) -> bool {
    false
}

/// The names in a folder are safe on disk, where a folder can be asked for that.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
