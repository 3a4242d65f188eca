//! What editors and table programs write before the first character.
//!
//! A mark that is not skipped would be part of the first column's name, and a map would not find that column.

use std::io::{BufRead, BufReader, Cursor, Read};

use super::{refused, unreadable};
use crate::error::LedgerError;

/// Skips the mark of UTF-8, and names that of another encoding.
///
/// As many bytes as the longest mark has are waited for, however few a reader gives at once; what is no mark is handed
/// on with the rest.
pub(super) fn skip(name: &str, mut bytes: impl Read) -> Result<impl BufRead, LedgerError> {
    let mut first = Vec::with_capacity(3);
    bytes
        .by_ref()
        .take(3)
        .read_to_end(&mut first)
        .map_err(|error| unreadable(name, error))?;
    match first[..] {
        [0xef, 0xbb, 0xbf] => first.clear(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let why = "the file is UTF-16, and has to be saved as UTF-8";
            return Err(refused(name, 1, 1, why));
        }
        _ => {}
    }
    Ok(BufReader::new(Cursor::new(first).chain(bytes)))
}
