//! One count for all calls of a client, because memory is one. A limit for each body bounds nothing: the number of calls is
//! not ours to choose.
//!
//! A reservation for a request body belongs to its bytes and not to the call: it is given back when the last clone of them is
//! dropped, wherever that is. So a body that a retry keeps is counted for as long as it is there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;

/// How many bytes of bodies a client may hold at once, and how many it does. Clones share it.
///
/// Forty uploads of 30 MB are 1.2 GB. Without a common limit each of them is allowed and all of them together end the process;
/// with one, those that find no room are sent once, and say so.
///
/// ```
/// use longhaul::detect::DetectWorkloadLayer;
///
/// assert_eq!(DetectWorkloadLayer::default().replay_budget().retained(), 0, "no call is under way");
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    // Only a count: it guards no memory, so no ordering is asked of it.
    retained: AtomicU64,
}

impl MemoryBudget {
    pub(crate) fn new(limit: u64) -> Self {
        Self(Arc::new(Shared {
            limit,
            retained: AtomicU64::new(0),
        }))
    }

    /// The bytes held at this moment.
    ///
    /// For a gauge. It never exceeds the limit, and is 0 once every call has ended and every answer was dropped.
    pub fn retained(&self) -> u64 {
        self.0.retained.load(Relaxed)
    }

    /// The same data, uncopied, counted until its last clone is dropped; `None` where there is no room.
    ///
    /// `None` is no error: the caller goes on without the copy, and says so.
    pub(crate) fn hold(&self, data: Bytes) -> Option<Bytes> {
        let mut reservation = self.reserve();
        reservation
            .grow(data.len() as u64)
            .then(|| reservation.hold(data))
    }

    /// A reservation of nothing, to be grown.
    pub(crate) fn reserve(&self) -> MemoryReservation {
        MemoryReservation {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

/// A share of a [`MemoryBudget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct MemoryReservation {
    budget: MemoryBudget,
    bytes: u64,
}

impl MemoryReservation {
    /// Takes `more` bytes; `false` and nothing taken where the budget has not as many left.
    ///
    /// For bodies whose length nobody announced: reserved piece by piece, as they come.
    pub(crate) fn grow(&mut self, more: u64) -> bool {
        let Shared { limit, retained } = &*self.budget.0;
        let taken = retained.fetch_update(Relaxed, Relaxed, |held| {
            held.checked_add(more).filter(|sum| sum <= limit)
        });
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }

    /// The bytes that are taken.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives so many of them back.
    pub(crate) fn shrink(&mut self, less: u64) {
        let less = less.min(self.bytes);
        self.bytes -= less;
        self.budget.0.retained.fetch_sub(less, Relaxed);
    }

    /// The same data, uncopied, which gives the reservation back when its last clone is dropped.
    ///
    /// Empty data has no owner that could be dropped with it: its reservation is given back at once.
    pub(super) fn hold(self, data: Bytes) -> Bytes {
        if data.is_empty() {
            return data;
        }
        Bytes::from_owner(Held {
            data,
            _reservation: self,
        })
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.budget.0.retained.fetch_sub(self.bytes, Relaxed);
    }
}

/// In this order: the bytes are gone when their reservation is given back.
struct Held {
    data: Bytes,
    _reservation: MemoryReservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}
