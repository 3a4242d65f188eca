//! Picture sizes from the words of a request.
//!
//! Sizes in pixels are read as given; keywords are Gemini's, with the sizes that Google's table has for each ratio.
//! Whatever is neither is refused by the dialect, in its own words.

use crate::Resolution;

/// The pixel sizes of Gemini 3 Pro Image at 1K by aspect ratio. 2K and 4K are exactly twice and four times as long on
/// each side.
const RATIOS: [(&str, u32, u32); 10] = [
    ("1:1", 1024, 1024),
    ("2:3", 848, 1264),
    ("3:2", 1264, 848),
    ("3:4", 896, 1200),
    ("4:3", 1200, 896),
    ("4:5", 928, 1152),
    ("5:4", 1152, 928),
    ("9:16", 768, 1376),
    ("16:9", 1376, 768),
    ("21:9", 1584, 672),
];

/// The size of a keyword such as `2K`, at an aspect ratio such as `16:9`.
///
/// Upper case alone, as Google has it. `None` for a keyword or a ratio that is not in the table.
pub(super) fn of_keyword(keyword: &str, ratio: &str) -> Option<(u32, u32)> {
    let times = match keyword {
        "1K" => 1,
        "2K" => 2,
        "4K" => 4,
        _ => return None,
    };
    let (_, width, height) = RATIOS.iter().find(|(name, ..)| *name == ratio)?;
    Some((width * times, height * times))
}

/// The size written as `WIDTHxHEIGHT`, within what can be made.
///
/// Edges from 64 to 16,384 and at most 20 megapixels.
pub(super) fn of_pixels(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(['x', 'X', '×', '*'])?;
    let edge = |text: &str| {
        text.trim()
            .parse()
            .ok()
            .filter(|edge| (64..=16_384).contains(edge))
    };
    let (width, height): (u32, u32) = (edge(width)?, edge(height)?);
    // Anything larger is no picture that a provider sells, and would only use up memory.
    (u64::from(width) * u64::from(height) <= 20_000_000).then_some((width, height))
}

/// The keyword that a model's name may end with, as in `nano-banana-pro-4k`.
pub(super) fn of_model(model: &str) -> Option<&'static str> {
    let model = model.to_ascii_lowercase();
    [("-1k", "1K"), ("-2k", "2K"), ("-4k", "4K")]
        .into_iter()
        .find_map(|(suffix, keyword)| model.ends_with(suffix).then_some(keyword))
}

/// The resolution of a size.
pub(super) fn class((width, height): (u32, u32)) -> Resolution {
    Resolution::of_pixels(width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_have_googles_pixel_sizes() {
        assert_eq!(of_keyword("1K", "1:1"), Some((1024, 1024)));
        assert_eq!(of_keyword("2K", "21:9"), Some((3168, 1344)));
        assert_eq!(of_keyword("4K", "16:9"), Some((5504, 3072)));
        assert_eq!(
            of_keyword("4k", "1:1"),
            None,
            "only the upper case K is accepted upstream"
        );
        assert_eq!(of_keyword("1K", "7:1"), None);
    }

    #[test]
    fn pixel_sizes_are_read_with_any_sign_and_bounded() {
        assert_eq!(of_pixels("4096x4096"), Some((4096, 4096)));
        assert_eq!(of_pixels("1024 × 768"), Some((1024, 768)));
        for bad in [
            "auto",
            "0x100",
            "99999x99999",
            "16384x16384",
            "1024x",
            "x",
            "",
        ] {
            assert_eq!(of_pixels(bad), None, "{bad}");
        }
    }
}
