//! SQLite's write-ahead log, read to see whether all of it can be: SQLite itself takes what stands before the first frame
//! that it cannot read, and says nothing of the rest.
//!
//! A process that dies while it writes leaves frames of a transaction that was never confirmed at the end of the log. More
//! than that cannot be told from the outside: a log whose *confirmed* transactions cannot be read is a damaged one.
//!
//! The format is SQLite's, unchanged since 2010: a header of 32 bytes, then frames of 24 bytes and a page each. Every
//! frame has a checksum over all frames before it, so the first frame that does not fit ends what can be read. Frames
//! with the header's salts belong to this log; others are remains of an earlier one in the same file.
//!
//! Whether a transaction that cannot be read was confirmed is not in the file. One of them may be the last, cut by a
//! loss of power; of two the first was confirmed, since SQLite begins no transaction before the last is on the disk.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use super::path::beside;

/// What of a log cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unreadable {
    /// Frames, each a page, from the first that is damaged on.
    pub(crate) frames: u64,
    /// Transactions among them: what was written and confirmed in these is missing.
    pub(crate) transactions: u64,
}

const HEADER: usize = 32;
const FRAME: usize = 24;
/// The last bit says in which order the checksums take their bytes.
const MAGIC: u32 = 0x377f_0682;
const PAGES: std::ops::RangeInclusive<usize> = 512..=65536;

/// What of the log of the database at `path` cannot be read; nothing where there is no log, or all of it can be.
///
/// The log is read without a lock, perhaps while somebody writes. A header that changed meanwhile means that the log
/// began anew, and it is read again, three times at most. It never fails: what cannot be read as a log counts as none.
pub(crate) fn unreadable(path: &Path) -> Unreadable {
    let path = beside(path, "-wal");
    // Whoever writes at this moment may begin anew from the start.
    for _ in 0..3 {
        let Some((header, found)) = scan(&path) else {
            break;
        };
        if read_header(&path) == Some(header) {
            return found;
        }
    }
    Unreadable::default()
}

fn read_header(path: &Path) -> Option<[u8; HEADER]> {
    let mut header = [0; HEADER];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    Some(header)
}

/// One frame is in memory at a time. A frame that is not whole ends the file, and is not counted: it was being written.
fn scan(path: &Path) -> Option<([u8; HEADER], Unreadable)> {
    let header = read_header(path)?;
    let mut file = BufReader::new(File::open(path).ok()?);
    file.read_exact(&mut [0; HEADER]).ok()?;
    let magic = word(&header, 0);
    let page = word(&header, 8) as usize;
    let mut found = Unreadable::default();
    if magic & !1 != MAGIC || !PAGES.contains(&page) || !page.is_power_of_two() {
        return Some((header, found));
    }
    let mut sum = FrameSum {
        big: magic & 1 == 1,
        sums: (0, 0),
    };
    sum.add(&header[..24]);
    let mut whole = sum.sums == (word(&header, 24), word(&header, 28));
    let mut frame = vec![0; FRAME + page];
    while file.read_exact(&mut frame).is_ok() {
        let of_this_log = frame[8..16] == header[16..24];
        if whole {
            sum.add(&frame[..8]);
            sum.add(&frame[FRAME..]);
            whole = of_this_log && sum.sums == (word(&frame, 16), word(&frame, 20));
        }
        // What an earlier log left behind this one is nobody's.
        if !whole && of_this_log {
            found.frames += 1;
            // The last frame of a transaction says how large the database is then.
            found.transactions += u64::from(word(&frame, 4) != 0);
        }
    }
    Some((header, found))
}

/// SQLite writes its numbers with the first byte first.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// SQLite's running sum of pairs of words: the first of each pair is added with the second sum, and the other way
/// round.
struct FrameSum {
    /// Whether words are read with the first byte first, as the header's magic number says.
    big: bool,
    sums: (u32, u32),
}

impl FrameSum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.as_chunks::<8>().0 {
            let mut words = [word(pair, 0), word(pair, 4)];
            if !self.big {
                words = words.map(u32::swap_bytes);
            }
            let (first, second) = self.sums;
            let first = first.wrapping_add(words[0]).wrapping_add(second);
            let second = second.wrapping_add(words[1]).wrapping_add(first);
            self.sums = (first, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_lies_beside_a_file_is_read_without_harm() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let path = folder.path().join("spend.db");
        let mut random = fastrand::Rng::with_seed(12);
        for round in 0..200 {
            let mut log: Vec<u8> = (0..random.usize(..6000)).map(|_| random.u8(..)).collect();
            if log.len() >= HEADER && round % 2 == 0 {
                log[..4].copy_from_slice(&(MAGIC | u32::from(random.bool())).to_be_bytes());
                log[8..12].copy_from_slice(&512_u32.to_be_bytes());
            }
            std::fs::write(beside(&path, "-wal"), &log).expect("there is room");
            let found = unreadable(&path);
            assert!(found.transactions <= found.frames);
        }
    }
}
