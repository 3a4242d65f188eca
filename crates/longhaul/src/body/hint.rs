//! Sizes of bodies that are put together of two parts. An upper bound that would overflow becomes none; a lower one
//! saturates.

use http_body::SizeHint;

/// The hint of a body that has `more` bytes before it.
pub(crate) fn longer(hint: &SizeHint, more: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower().saturating_add(more));
    if let Some(upper) = hint.upper().and_then(|upper| upper.checked_add(more)) {
        sum.set_upper(upper);
    }
    sum
}
