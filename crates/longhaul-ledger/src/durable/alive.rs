//! What says that a writer lives: the lock of a file, or a lease in a database.
//!
//! A file uses a lock and not a lease: the system drops the lock at the instant at which the process dies, so that the
//! next start need not wait, and no clock is involved. A lock cannot be seen across machines, which is why PostgreSQL
//! uses a lease that runs out.

#[cfg(feature = "postgres")]
use super::lease::Lease;
use super::sink::Sink;
#[cfg(all(feature = "sqlite", unix))]
use crate::file::Lock;

/// Held by the writer for as long as it writes. It is given back last, after the connection is closed: whoever gets the
/// lock next must find a file that nobody else writes into.
#[derive(Debug)]
pub(super) enum Alive {
    /// The lock beside the file.
    #[cfg(all(feature = "sqlite", unix))]
    Lock(Lock),
    /// The row of `writers`, renewed by a task of its own.
    #[cfg(feature = "postgres")]
    Lease(Lease),
}

impl Alive {
    /// The writer ends, after all that it was given was `written`, or not.
    ///
    /// The lock file is emptied only where everything was written and the file was put in order. A mark that stays in
    /// it makes the next start look through the pages (see `open_file`), since a writer that failed at its end may
    /// leave damage. A lease is given back in any case: what was not written is then recovered at once, and not after
    /// the lease has run out.
    pub(super) async fn end(self, sink: Sink, written: bool) {
        match self {
            #[cfg(all(feature = "sqlite", unix))]
            Self::Lock(lock) => {
                if sink.close().await && written {
                    lock.give_back();
                }
            }
            #[cfg(feature = "postgres")]
            Self::Lease(lease) => {
                let _ = written;
                lease.give_back().await;
                sink.close().await;
            }
        }
    }
}
