//! What says that a writer lives: the lock of a file, or a lease in a database.

#[cfg(feature = "postgres")]
use super::lease::Lease;
use super::sink::Sink;
#[cfg(all(feature = "sqlite", unix))]
use crate::file::Lock;

#[derive(Debug)]
pub(super) enum Alive {
    #[cfg(all(feature = "sqlite", unix))]
    Lock(Lock),
    #[cfg(feature = "postgres")]
    Lease(Lease),
}

impl Alive {
    /// The writer ends, after all that it was given was `written`, or not.
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
