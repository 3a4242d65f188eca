//! Finds the end of a text at memory speed.

/// Most texts, and what stands between two escapes, end within so many words of eight bytes.
const NEAR: usize = 8;

/// Where, from `at` on, the first byte stands that is not plain: the end of the text, an escape, a control character, or
/// a part of a character beyond ASCII. The end of `json` if there is none.
pub(super) fn first_special(json: &[u8], mut at: usize) -> usize {
    if let Some(found) = pass_words(json, &mut at, NEAR) {
        return found;
    }
    while json.len() - at >= STRIDE {
        pass_strides(json, &mut at);
        if let Some(found) = pass_words(json, &mut at, STRIDE / 8) {
            return found;
        }
    }
    if let Some(found) = pass_words(json, &mut at, usize::MAX) {
        return found;
    }
    let rest = json[at..].iter().position(|byte| is_special(*byte));
    rest.map_or(json.len(), |found| at + found)
}

/// Passes over so many plain words at most; returned is where a byte stands that is not plain.
fn pass_words(json: &[u8], at: &mut usize, words: usize) -> Option<usize> {
    for _ in 0..words {
        let word = json[*at..].first_chunk()?;
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return Some(*at + special.trailing_zeros() as usize / 8);
        }
        *at += 8;
    }
    None
}

/// Bytes that are looked at together.
const STRIDE: usize = 128;

/// Passes over strides that are plain as a whole. Without a branch per byte, it is compiled to vector instructions.
///
/// Stops at a blank too: what is long has none, and one comparison then does for blanks, quotes, control characters and
/// what is beyond ASCII, all of which are below `#` as a signed number.
fn pass_strides(json: &[u8], at: &mut usize) {
    while let Some(stride) = json[*at..].first_chunk::<STRIDE>() {
        let suspect = stride.iter().fold(0, |suspect, &byte| {
            suspect | u8::from(byte.cast_signed() < b'#'.cast_signed()) | u8::from(byte == b'\\')
        });
        if suspect != 0 {
            break;
        }
        *at += stride.len();
    }
}

const fn is_special(byte: u8) -> bool {
    // As a signed number, whatever is beyond ASCII is below zero.
    let is_control_or_beyond = byte.cast_signed() < 0x20;
    is_control_or_beyond | (byte == b'"') | (byte == b'\\')
}

/// The highest bit of each byte that [is special](is_special): right up to the first one, and that is all that is asked.
///
/// A byte below `n` borrows from its own highest bit when `n` is taken off; what it borrows from the next byte can
/// only make a later one look special.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHEST: u64 = ONES << 7;
    const fn below(word: u64, n: u8) -> u64 {
        word.wrapping_sub(ONES * n as u64) & !word
    }
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let escapes = below(word ^ (ONES * b'\\' as u64), 1);
    (word | below(word, 0x20) | quotes | escapes) & HIGHEST
}
