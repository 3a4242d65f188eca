//! Whether a target's body costs memory of its own. A rewrite that hands on the caller's bytes shares them, and is not
//! counted twice.

use bytes::Bytes;

/// Whether `part` keeps the memory of `whole`: it is all of it, or a piece.
pub(super) fn shares(whole: &Bytes, part: &Bytes) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}
