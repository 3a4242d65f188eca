//! An answer on its way to the disk, read by as many callers as there are.
//!
//! One side writes and never waits for a reader; readers come at any time, begin at the first byte, and are woken by
//! each piece. A reader is nothing but a position: what is before `on_disk` it reads from the file, what is behind it
//! from memory.
//!
//! The disk is a convenience of the process and no condition of the answer: from the first write that fails on,
//! pieces stay in memory, and callers that wait get every byte
//! (`a_disk_that_takes_nothing_loses_no_answer_of_those_who_wait`). Such an answer cannot be kept.
//!
//! The file is removed when the last handle goes, unless `keep` was called. It stays open for as long as anybody
//! writes or reads: a file that is opened anew for each caller needs a free descriptor at the worst moment, when
//! thousands of calls come back at once.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

/// The answer of one operation: in a file, and in memory what the disk did not take. Cheap to clone.
#[derive(Clone)]
pub(super) struct Spool(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// Open while it is written, and for those who read it since then: a process that has no more files to open hands its
    /// answers on all the same.
    ///
    /// Weak, since a handle in every finished operation that the list remembers would keep thousands of files open.
    file: Weak<File>,
    /// Whether the file stays when all have left it.
    ///
    /// Said once by the operation's task, and read when the last handle is dropped.
    kept: AtomicBool,
    state: Mutex<State>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !*self.kept.get_mut() {
            // What nobody will be given takes no room. It may never have been made.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What readers and the writer share: short looks under a lock, never over a read or a write.
#[derive(Default)]
struct State {
    /// Bytes in the file.
    on_disk: u64,
    /// What comes after them, where the disk is full or gone.
    ///
    /// Kept until the last handle goes: a second caller may come for it.
    in_memory: Vec<Bytes>,
    total: u64,
    /// `None` while it comes. The error is text, one for all readers.
    end: Option<Result<(), Arc<str>>>,
    /// Of readers that have read all there is. Drained at each change.
    wakers: Vec<Waker>,
}

/// The side that writes.
///
/// There is one. Dropped without `end`, the answer is broken, and readers are told.
pub(super) struct Writer {
    spool: Spool,
    /// `None` where it could not be made.
    file: Option<Arc<File>>,
    /// Until the first error.
    ///
    /// After an error nothing more is written: a hole in the file would be read as a part of the picture.
    writes: bool,
}

/// What a reader finds at a place of the answer.
pub(super) enum Found {
    /// So many bytes are in the file from there on.
    OnDisk(u64),
    InMemory(Bytes),
    End,
    Broken(Arc<str>),
    /// More will come; the task is woken.
    Pending,
}

impl Spool {
    /// An answer that begins now, in a file of its own that nobody else can read.
    ///
    /// The path must not exist: it is named by the operation's own random id. Never fails: without a file all of it
    /// is in memory.
    pub(super) async fn begin(path: PathBuf) -> (Self, Writer) {
        let to = path.clone();
        let made = tokio::task::spawn_blocking(move || create(&to)).await;
        let file = match made.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(file) => Some(Arc::new(file)),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be kept on disk; it is held in memory until its callers have it");
                None
            }
        };
        let spool = Self(Arc::new(Shared {
            path,
            file: file.as_ref().map_or_else(Weak::new, Arc::downgrade),
            kept: AtomicBool::new(false),
            state: Mutex::default(),
        }));
        let writer = Writer {
            spool: spool.clone(),
            writes: file.is_some(),
            file,
        };
        (spool, writer)
    }

    /// The file, to read from. It is opened again only where its answer has ended and nobody reads it.
    ///
    /// `None` where it is gone, or never was; an error where it cannot be opened now.
    pub(super) async fn file(&self) -> io::Result<Option<Arc<File>>> {
        if let Some(file) = self.0.file.upgrade() {
            return Ok(Some(file));
        }
        let path = self.0.path.clone();
        let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
        match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(file) => Ok(Some(Arc::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // What is in memory is read all the same.
            Err(_) if self.is_in_memory() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the file for those who come later.
    pub(super) fn keep(&self) {
        self.0.kept.store(true, Relaxed);
    }

    /// Its length, where it has ended well.
    pub(super) fn whole(&self) -> Option<u64> {
        let state = self.state();
        matches!(state.end, Some(Ok(()))).then_some(state.total)
    }

    /// Whether all of it is in the file.
    ///
    /// True for an answer without a byte as well.
    pub(super) fn is_on_disk(&self) -> bool {
        let state = self.state();
        state.on_disk == state.total
    }

    /// Whether nothing of it was ever on the disk.
    pub(super) fn is_in_memory(&self) -> bool {
        self.state().on_disk == 0
    }

    /// What is at `at`. Where nothing is yet, the task of `cx` is woken by the next change; registered under the same
    /// lock as the look, so that no piece slips in between.
    pub(super) fn find(&self, at: u64, cx: &Context<'_>) -> Found {
        let mut state = self.state();
        if at < state.on_disk {
            return Found::OnDisk(state.on_disk - at);
        }
        let mut begin = state.on_disk;
        for piece in &state.in_memory {
            let end = begin + length(piece);
            if at < end {
                let from = usize::try_from(at - begin).unwrap_or_default();
                return Found::InMemory(piece.slice(from..));
            }
            begin = end;
        }
        match &state.end {
            Some(Ok(())) => Found::End,
            Some(Err(why)) => Found::Broken(why.clone()),
            None => {
                if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.wakers.push(cx.waker().clone());
                }
                Found::Pending
            }
        }
    }

    /// Every change wakes every reader that waits. Wakers only schedule tasks, so that calling them under the lock is
    /// short.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        for waker in state.wakers.drain(..) {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Adds a piece. Where the disk does not take it, it stays in memory.
    ///
    /// The next piece is pushed when this one is on the disk: what the provider sends faster than the disk writes
    /// waits in its connection, and not in memory.
    pub(super) async fn push(&mut self, piece: Bytes) {
        let bytes = length(&piece);
        if let Some(file) = self.file.clone().filter(|_| self.writes) {
            let kept = piece.clone();
            let written = tokio::task::spawn_blocking(move || (&*file).write_all(&kept)).await;
            match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => {
                    self.spool.change(|state| {
                        state.on_disk += bytes;
                        state.total += bytes;
                    });
                    return;
                }
                Err(error) => {
                    self.writes = false;
                    tracing::error!(%error, "an answer cannot be kept on disk; the rest of it is held in memory");
                }
            }
        }
        self.spool.change(|state| {
            state.in_memory.push(piece);
            state.total += bytes;
        });
    }

    /// It is whole, or broke off.
    pub(super) fn end(self, end: Result<(), String>) {
        self.spool
            .change(|state| state.end = Some(end.map_err(Arc::from)));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.spool.change(|state| {
            state
                .end
                .get_or_insert_with(|| Err("the answer was not read to its end".into()));
        });
    }
}

/// At most `most` of the bytes that are in a file from `at` on.
///
/// At a place of its own and not at the file's: all callers of one answer read through one descriptor.
pub(super) fn read(file: Arc<File>, at: u64, most: usize) -> JoinHandle<io::Result<Bytes>> {
    tokio::task::spawn_blocking(move || {
        let mut piece = BytesMut::zeroed(most);
        let read = file.read_at(&mut piece, at)?;
        piece.truncate(read);
        Ok(piece.freeze())
    })
}

/// 0600: a picture belongs to its caller, and the folder may be on a machine that others use.
fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// 0700 for every folder that is made; one that is there keeps its mode.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn length(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Spool")
            .field("total", &state.total)
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}
