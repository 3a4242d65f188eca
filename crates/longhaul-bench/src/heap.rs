//! What is allocated, by the counting allocator.
//!
//! The allocator of the whole program counts, so whatever a library allocates is counted too. Counting takes time,
//! which [`timed`] measures at the machine's pace of the moment and takes off.

use std::{
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::time::Instant;

use crate::HEAP;

/// What a piece of work allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocated {
    /// How often, growing what there is included.
    pub(crate) times: usize,
    /// How many bytes, whether given back or not.
    pub(crate) bytes: usize,
    /// How often the allocator counted something, giving back included.
    counts: usize,
}

/// Bytes that were taken from the heap and not given back, by all threads.
pub(crate) fn live() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}

/// Does `work` and counts what all threads allocate meanwhile.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let before = HEAP.stats();
    let done = work();
    let change = HEAP.stats() - before;
    let allocated = Allocated {
        times: change.allocations + change.reallocations,
        bytes: change.bytes_allocated,
        counts: change.allocations + change.reallocations + change.deallocations,
    };
    (done, allocated)
}

/// Times `work`, less the time that counting its allocations takes: whoever allocates would pay for it.
pub(crate) fn timed(work: impl FnOnce()) -> (Duration, Allocated) {
    let (taken, allocated) = counted(|| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    let counts = u32::try_from(allocated.counts).unwrap_or(u32::MAX);
    // By the machine's pace of this moment, at which the work was done.
    (taken.saturating_sub(counting_cost() * counts), allocated)
}

/// What the counting allocator does each time beyond allocating: two additions that every thread sees.
fn counting_cost() -> Duration {
    const TIMES: u32 = 1000;
    let counters = [const { AtomicUsize::new(0) }; 2];
    let start = Instant::now();
    for _ in 0..TIMES {
        for counter in &counters {
            black_box(counter).fetch_add(1, SeqCst);
        }
    }
    start.elapsed() / TIMES
}
