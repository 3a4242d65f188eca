//! An answer on its way to the disk, read by as many callers as there are.

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
    file: Weak<File>,
    /// Whether the file stays when all have left it.
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

#[derive(Default)]
struct State {
    /// Bytes in the file.
    on_disk: u64,
    /// What comes after them, where the disk is full or gone.
    in_memory: Vec<Bytes>,
    total: u64,
    end: Option<Result<(), Arc<str>>>,
    /// All of it is in the store, and the file may be gone.
    stored: bool,
    wakers: Vec<Waker>,
}

/// The side that writes.
pub(super) struct Writer {
    spool: Spool,
    /// `None` where it could not be made.
    file: Option<Arc<File>>,
    /// Until the first error.
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
    pub(super) async fn file(&self) -> Option<Arc<File>> {
        if let Some(file) = self.0.file.upgrade() {
            return Some(file);
        }
        let path = self.0.path.clone();
        let opened = tokio::task::spawn_blocking(move || File::open(path)).await;
        opened.ok()?.ok().map(Arc::new)
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
    pub(super) fn is_on_disk(&self) -> bool {
        let state = self.state();
        state.on_disk == state.total
    }

    /// All of it is in the store from now on.
    pub(super) fn set_stored(&self) {
        self.state().stored = true;
    }

    /// Whether it is to be had from the store.
    pub(super) fn is_stored(&self) -> bool {
        self.state().stored
    }

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
pub(super) fn read(file: Arc<File>, at: u64, most: usize) -> JoinHandle<io::Result<Bytes>> {
    tokio::task::spawn_blocking(move || {
        let mut piece = BytesMut::zeroed(most);
        let read = file.read_at(&mut piece, at)?;
        piece.truncate(read);
        Ok(piece.freeze())
    })
}

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
