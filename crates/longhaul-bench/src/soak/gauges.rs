//! What is counted at rest: whatever a leak could grow in.
//!
//! Heap, sockets, files, tasks, places and the ledger, each read from the system or the runtime. Memory from the system
//! is told and not judged, because the allocator keeps some for later.

use std::{fs, time::Duration};

use tokio::runtime::Handle;

use super::book::Extent;

/// What may not grow.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Gauges {
    /// Bytes on the heap that were not given back.
    pub(super) heap: usize,
    /// Bytes of memory that the process has from the system; as the allocator keeps some for later, it is told and
    /// not judged.
    pub(super) resident: usize,
    pub(super) sockets: usize,
    /// All open files, sockets among them.
    pub(super) files: usize,
    /// Tasks of the runtime that have not ended.
    pub(super) tasks: usize,
    /// Places in flight that are taken.
    pub(super) places: usize,
    /// The ledger, which may grow by what is stored, and by nothing else.
    pub(super) ledger: Extent,
}

impl Gauges {
    /// Over the columns of [`line`](Self::line).
    pub(super) const HEADINGS: &str = "   time  operations  live heap     RSS  sockets  files  tasks  places  entries left  stored   ledger";

    /// What there is now.
    pub(super) fn read(places: usize, ledger: Extent) -> Self {
        let stats = crate::HEAP.stats();
        let (sockets, files) = open_files();
        Self {
            heap: stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated),
            resident: resident(),
            sockets,
            files,
            tasks: Handle::current().metrics().num_alive_tasks(),
            places,
            ledger,
        }
    }

    /// A row under [`HEADINGS`](Self::HEADINGS).
    pub(super) fn line(&self, time: Duration, operations: u64) -> String {
        format!(
            "{:>5} s  {operations:>10}  {:>6} kB  {:>3} MB  {:>7}  {:>5}  {:>5}  {:>6}  {:>12}  {:>6}  {:>4} kB",
            time.as_secs(),
            self.heap / 1000,
            self.resident / 1_000_000,
            self.sockets,
            self.files,
            self.tasks,
            self.places,
            self.ledger.left,
            self.ledger.stored,
            self.ledger.bytes / 1000,
        )
    }
}

/// Sockets, and open files of any kind; none where the system has no `/proc`.
fn open_files() -> (usize, usize) {
    let Ok(files) = fs::read_dir("/proc/self/fd") else {
        return (0, 0);
    };
    let links: Vec<_> = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .collect();
    let is_socket = |link: &&std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
    (links.iter().filter(is_socket).count(), links.len())
}

/// `VmRSS`; nothing where the system has no `/proc`.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or_default() * 1024
}
