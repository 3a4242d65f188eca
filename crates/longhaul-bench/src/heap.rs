//! What is allocated, by the counting allocator.

use crate::HEAP;

/// What a piece of work allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocated {
    /// How often, growing what there is included.
    pub(crate) times: usize,
    /// How many bytes, whether given back or not.
    pub(crate) bytes: usize,
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
    };
    (done, allocated)
}
