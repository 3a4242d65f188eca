//! What this process uses: CPU, memory, open files.
//!
//! Read from the system and not estimated; on a system without `/proc` such a figure is missing rather than 0.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// CPU time of all threads of this process, so far.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// CPU time of all threads of another process, so far, to a hundredth of a second; `None` where there is no `/proc`.
pub(crate) fn cpu_time_of(process: u32) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold anything; after it `utime` and `stime` are the twelfth and the thirteenth field.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // What Linux counts in here is the same on every machine.
    const TICKS: u32 = 100;
    Some(Duration::from_secs(user + system) / TICKS)
}

/// Bytes of memory that this process has from the system; `None` where there is no `/proc`.
pub(crate) fn resident() -> Option<usize> {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// The same of another process.
pub(crate) fn resident_of(process: u32) -> Option<usize> {
    kilobytes(&format!("/proc/{process}/status"), "VmRSS:")
}

/// How often this process touched memory for the first time, so far; `None` where there is no `/proc`.
pub(crate) fn page_faults() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything; after it `minflt` is the eighth field.
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_whitespace().nth(7)?.parse().ok()
}

/// Bytes of memory that programs may still take; `None` where there is no `/proc`.
pub(crate) fn available() -> Option<usize> {
    kilobytes("/proc/meminfo", "MemAvailable:")
}

fn kilobytes(file: &str, field: &str) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}

/// Lets this process, and those it starts, open as many files as it may at most; returned is how many.
pub(crate) fn open_more_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current.unwrap_or(u64::MAX),
        // As before, then.
        Err(_) => soft.unwrap_or(u64::MAX),
    }
}
