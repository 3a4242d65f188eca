//! One writer per file: a lock beside it, which the system releases when the process ends, however it ends.
//!
//! SQLite's own locks do not say it: a connection that does not write at the moment holds none, and two processes could
//! take turns, each recovering what the other has open. So a writer holds this lock from its opening to its end.
//!
//! The lock is on a file of its own. A lock on the database would be dropped by any other descriptor of the same file
//! that this process closes.
//!
//! What the file holds is for people, and says one thing to programs: where it is not empty, the last writer did not
//! end in order.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    identity::Identity,
    path::{self, absolute, beside, private},
    process,
};
use crate::error::{LedgerError, LedgerErrorKind};

/// Held until it is dropped. Proves that no other process writes into the file.
///
/// The descriptor is the lock: closed by the system at the process's end, by `kill -9` too.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
    database: Identity,
    lock: Identity,
    clean: bool,
}

/// The database files that this process writes into: a lock file that somebody removes would let it in twice.
///
/// Compared by identity, so that a link to the file is the same file.
static OURS: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// A lock file holds a name and a number, and nothing else.
///
/// A larger file, or one of other words, is somebody else's, and nothing is written into it.
const LONGEST: u64 = 400;

/// Somebody may remove the file between its opening and its locking.
///
/// The lock is worth something only where the path still leads to the file that was locked.
const TRIES: usize = 10;

impl Lock {
    /// Takes the lock of the ledger at `path`, as `name`, and makes the file, empty and private, where there is none;
    /// [`InUse`](LedgerErrorKind::InUse) where somebody has it.
    ///
    /// Refused is also what is no lock of this crate's, a link, and a file with a second name: opening would truncate
    /// what matters to somebody else. `tests/durable/moved.rs` keeps that.
    pub(crate) fn take(path: &Path, name: &str) -> Result<Self, LedgerError> {
        // Reached by another name, it is the same file.
        let path = absolute(path)?;
        let beside = beside(&path, ".lock");
        let cannot = |why: String| path::refused(&path, format!("its lock cannot be taken: {why}"));
        for _ in 0..TRIES {
            let mut file = open(&beside).map_err(|error| cannot(error.to_string()))?;
            let about = file.metadata().map_err(|error| cannot(error.to_string()))?;
            if !about.is_file() || about.nlink() != 1 {
                return Err(cannot(format!("{} is no lock", beside.display())));
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let by = content(&mut file).unwrap_or_default();
                    return Err(in_use(&path, by.trim()));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(cannot(format!(
                        "{error}; does this file system have locks?"
                    )));
                }
            }
            let lock = Identity::of(&about);
            if Identity::at(&beside) != Some(lock) {
                continue;
            }
            let before = content(&mut file).map_err(|error| cannot(error.to_string()))?;
            if !is_ours(&before) {
                return Err(cannot(format!("{} is no lock", beside.display())));
            }
            private(&path)?;
            let database = Identity::at(&path).ok_or_else(|| cannot("the file is gone".into()))?;
            let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
            if ours.contains(&database) {
                return Err(in_use(&path, "this process"));
            }
            write(&mut file, name).map_err(|error| cannot(error.to_string()))?;
            ours.push(database);
            return Ok(Self {
                clean: before.is_empty(),
                path,
                file,
                database,
                lock,
            });
        }
        Err(cannot("somebody removes it again and again".to_owned()))
    }

    /// The file's one name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether whoever had the lock before gave it back, or nobody did.
    pub(crate) const fn was_given_back(&self) -> bool {
        self.clean
    }

    /// What stands in the ledger for this lock: where it is, and whose.
    ///
    /// It names the lock by device and inode, and the process by number, start and boot. Two processes of one number
    /// are told apart.
    pub(crate) fn mark(&self) -> String {
        let Identity { device, inode } = self.lock;
        let process = process::mark(std::process::id()).unwrap_or_default();
        format!("{device}:{inode} {process}")
    }

    /// Refuses where a writer that lives took another lock than this one: somebody removed its lock file.
    ///
    /// On Linux alone: other systems do not tell when a process began, and a number by itself may be anybody's by now.
    pub(crate) fn lets_in(&self, name: &str, mark: &str) -> Result<(), LedgerError> {
        let Some((place, process)) = mark.split_once(' ') else {
            return Ok(());
        };
        let Identity { device, inode } = self.lock;
        if place != format!("{device}:{inode}") && process::lives_elsewhere(process) {
            let by = format!("{name}, whose lock file was removed");
            return Err(in_use(&self.path, &by));
        }
        Ok(())
    }

    /// Says that everything was put in order.
    pub(crate) fn give_back(self) {
        // What stays in it only means that the next one looks more closely.
        let _ = self.file.set_len(0);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
        ours.retain(|file| *file != self.database);
    }
}

/// Follows no link, and shows the file to nobody else.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

fn content(file: &mut File) -> io::Result<String> {
    let mut found = Vec::new();
    file.rewind()?;
    file.take(LONGEST + 1).read_to_end(&mut found)?;
    Ok(String::from_utf8_lossy(&found).into_owned())
}

/// What a lock of ours says, or nothing.
fn is_ours(content: &str) -> bool {
    let process = content
        .strip_suffix('\n')
        .and_then(|line| line.rsplit_once(", process "));
    content.is_empty()
        || content.len() as u64 <= LONGEST
            && process.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// Control characters are left out of the name, since it is shown in the error of whoever comes second.
fn write(file: &mut File, name: &str) -> io::Result<()> {
    let name: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(80)
        .collect();
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{name}, process {}", std::process::id())
}

fn in_use(path: &Path, by: &str) -> LedgerError {
    let (path, by) = (path.to_owned(), by.to_owned());
    LedgerErrorKind::InUse { path, by }.into()
}
