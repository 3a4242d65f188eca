//! What editors and table programs write before the first character.
//!
//! A mark that is not skipped would be part of the first column's name, and a map would not find that column.

use std::io::BufRead;

use super::{refused, unreadable};
use crate::error::LedgerError;

/// Skips the mark of UTF-8, and names that of another encoding.
///
/// It looks at the bytes of the first read. A file gives all that it has; a reader that gives one or two bytes at first
/// is taken for one without a mark.
pub(super) fn skip(name: &str, bytes: &mut impl BufRead) -> Result<(), LedgerError> {
    let first = bytes.fill_buf().map_err(|error| unreadable(name, error))?;
    match first {
        [0xef, 0xbb, 0xbf, ..] => {
            bytes.consume(3);
            Ok(())
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let why = "the file is UTF-16, and has to be saved as UTF-8";
            Err(refused(name, 1, 1, why))
        }
        _ => Ok(()),
    }
}
