//! Whether a path still leads to what was opened.
//!
//! Device and inode name a file, whatever its path. A path that was opened may lead to another file later, by a copy
//! that is moved over it or a backup that is restored, and the process would go on writing into a file that has no name
//! any more.
//!
//! A second name (a hard link) is refused too: whoever opens the ledger by it would look for the log and the lock
//! beside that name, and find none.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::path::beside;
use crate::error::{LedgerError, LedgerErrorKind};

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
        }
    }

    /// Of what stands at `path` itself; none where nothing does.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().as_ref().map(Self::of)
    }
}

/// The files of an open ledger: what is written into them is kept only as long as their paths lead to them.
///
/// Costs four calls of `lstat` before each commit, some microseconds beside the milliseconds of a flush.
#[derive(Debug)]
pub(crate) struct Guard {
    path: PathBuf,
    watched: Vec<(PathBuf, Identity)>,
    complete: bool,
}

impl Guard {
    /// Watches over the database file at the absolute `path`, which is there.
    ///
    /// What is not there is not watched.
    pub(crate) fn over(path: &Path) -> Self {
        let mut guard = Self {
            path: path.to_owned(),
            watched: Vec::new(),
            complete: false,
        };
        guard.watch("");
        guard
    }

    /// Also over its lock, which is ours.
    ///
    /// Without the lock file the next process would be let in beside this one.
    pub(crate) fn and_lock(mut self) -> Self {
        self.watch(".lock");
        self
    }

    /// Also over the log and its index, once SQLite has made them.
    ///
    /// They come with the first transaction that writes, and not with opening; called again it does nothing.
    pub(crate) fn complete(&mut self) {
        if !self.complete {
            self.watch("-wal");
            self.watch("-shm");
            self.complete = true;
        }
    }

    fn watch(&mut self, ending: &str) {
        let path = beside(&self.path, ending);
        if let Some(identity) = Identity::at(&path) {
            self.watched.push((path, identity));
        }
    }

    /// Refuses where one of the files was removed, replaced, or given another name beside its own.
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        for (path, identity) in &self.watched {
            let about = fs::symlink_metadata(path).ok();
            let what = match &about {
                None => "is gone",
                Some(about) if Identity::of(about) != *identity => "is another file now",
                Some(about) if about.nlink() != 1 => "has a second name, a hard link",
                Some(_) => continue,
            };
            let path = path.clone();
            return Err(LedgerErrorKind::Moved { path, what }.into());
        }
        Ok(())
    }
}

/// A file that nobody writes into, as it was found: it is read without any file being made beside it.
///
/// Size and time of change besides the identity: a writer that came and went between two looks has changed one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AtRest {
    path: PathBuf,
    identity: Identity,
    size: u64,
    changed: (i64, i64),
}

impl AtRest {
    /// The file at the absolute `path`, where everything is in it: no log lies beside it.
    ///
    /// A file at rest can be read from a folder into which the reader may not write, where SQLite could not make the
    /// index of a log.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let logged = fs::symlink_metadata(beside(path, "-wal")).ok();
        let shared = fs::symlink_metadata(beside(path, "-shm")).is_ok();
        // One that is left by a change of modes, and has to be undone.
        if beside(path, "-journal").exists() {
            return None;
        }
        // A log without content is one that a dead process left, unless somebody shares its index.
        if logged.is_some_and(|log| log.len() > 0 || shared) {
            return None;
        }
        let about = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            identity: Identity::of(&about),
            size: about.len(),
            changed: (about.mtime(), about.mtime_nsec()),
        })
    }

    /// Whether it still is as it was.
    pub(crate) fn holds(&self) -> bool {
        Self::of(&self.path).as_ref() == Some(self)
    }
}
