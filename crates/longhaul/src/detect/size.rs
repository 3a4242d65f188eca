//! What people write where a size is asked for.

use crate::model::Resolution;

/// What a text says about the size of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Size {
    /// It names one.
    Named(Resolution),
    /// It leaves the size to the model: `auto`, a ratio.
    Open,
    /// It means something that is not understood here.
    Unclear,
}

/// Keywords, and the edge of the square picture that they stand for. A `3K` picture has 9.4 megapixels:
/// by the rule of pixels, and by the rule of doubt, it counts with the largest.
const KEYWORDS: [(&str, u64); 6] = [
    ("512", 512),
    ("0.5K", 512),
    ("1K", 1024),
    ("2K", 2048),
    ("3K", 3072),
    ("4K", 4096),
];

/// No picture has a shorter edge than this: `16x9` is a ratio.
const SHORTEST_EDGE: u64 = 128;

/// Reads `4K`, `4096x4096`, `4096 × 4096`, `auto`, `16:9`.
pub(super) fn parse(text: &str) -> Size {
    let text = text.trim();
    if let Some((_, edge)) = KEYWORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
    {
        return Size::Named(Resolution::of_pixels(*edge, *edge));
    }
    if text.is_empty() || text.eq_ignore_ascii_case("auto") {
        return Size::Open;
    }
    match pair(text) {
        Some((_, ":", _)) => Size::Open,
        Some((width, "" | "x" | "X" | "×" | "*", height)) => of_edges(width, height),
        _ => Size::Unclear,
    }
}

/// Two numbers and what stands between them, without spaces.
fn pair(text: &str) -> Option<(u64, &str, u64)> {
    let digit = |c: char| c.is_ascii_digit();
    let (width, rest) = text.split_at(text.find(|c| !digit(c))?);
    let (between, height) = rest.split_at(rest.find(digit)?);
    Some((width.parse().ok()?, between.trim(), height.parse().ok()?))
}

fn of_edges(width: u64, height: u64) -> Size {
    match width.min(height) {
        0 => Size::Unclear,
        1..SHORTEST_EDGE => Size::Open,
        _ => Size::Named(Resolution::of_pixels(width, height)),
    }
}
