//! The size that is asked for, in the words of the target.
//!
//! Three steps: [`read`] and [`SizeFields::and`] take what the request says in any of the known forms; [`fit`] decides
//! what the target makes of it; the dialect's `resize` writes the [`Saying`] down. The middle step knows no dialect, so
//! that each pair of dialects works.
//!
//! A size is never guessed from a picture that was not asked for: where neither the detector nor the request says one,
//! the resolution stays `Unknown`, and the target is told none.

use longhaul::{
    Resolution,
    fallback::{Keywords, Pixels, RatioPlacement, Sizes, SkipReason, Target},
};

use super::{ratio::Ratio, translate::unsayable};

/// What a request says about the size.
///
/// The last of several statements of one kind counts. Pixels say a resolution and a ratio too.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct SizeFields {
    /// The resolution that a keyword names, or that follows from the pixels.
    pub(super) resolution: Option<Resolution>,
    /// Width and height, where the request names them; kept exactly where the target takes pixels too.
    pub(super) pixels: Option<(u64, u64)>,
    pub(super) ratio: Option<Ratio>,
}

impl SizeFields {
    /// Reads `4K`, `4096x4096`, `16:9`, `auto`, and adds it. `None` where it is not understood.
    ///
    /// `auto` and an empty text leave the size to the provider, which is what saying nothing does.
    pub(super) fn and(mut self, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("auto") {
            return Some(self);
        }
        if let Some(ratio) = Ratio::parse(text) {
            self.ratio = Some(ratio);
        } else if let Some(resolution) = keyword(text) {
            self.resolution = Some(resolution);
        } else {
            let (width, height) = pixels(text)?;
            self.pixels = Some((width, height));
            self.resolution = Some(Resolution::of_pixels(width, height));
            self.ratio = Some(Ratio::of(width, height)?);
        }
        Some(self)
    }
}

/// The words in use; a 3K picture counts with the largest, as the detector has it.
///
/// Case does not matter here; it does matter to some targets, which is why each has words of its own.
pub(super) fn keyword(text: &str) -> Option<Resolution> {
    const WORDS: [(&str, Resolution); 6] = [
        ("512", Resolution::K1),
        ("0.5K", Resolution::K1),
        ("1K", Resolution::K1),
        ("2K", Resolution::K2),
        ("3K", Resolution::K4),
        ("4K", Resolution::K4),
    ];
    WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, resolution)| *resolution)
}

/// Reads `4096x4096`, with `x`, `X`, `×` or `*` between: all four are seen in the wild. Edges of more than 32 bits are
/// refused.
fn pixels(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once(['x', 'X', '×', '*'])?;
    let edge = |text: &str| text.trim().parse::<u32>().ok().map(u64::from);
    Some((edge(width)?, edge(height)?))
}

/// What a target is asked for: a resolution, and the words for it.
#[derive(Debug)]
pub(super) struct Size<'t> {
    pub(super) resolution: Resolution,
    /// `None` where the request's own words stay.
    pub(super) said: Option<Saying<'t>>,
}

/// What is written into the request.
#[derive(Debug)]
pub(super) struct Saying<'t> {
    /// The target's keyword, or `widthxheight`; `None` where the target has no word for this resolution, or nothing is
    /// known of it.
    pub(super) size: Option<String>,
    /// The ratio, where the text of the size does not already say it.
    pub(super) ratio: Option<Ratio>,
    /// Where the target reads a ratio.
    pub(super) ratio_in: &'t RatioPlacement,
}

impl Size<'_> {
    /// Whether nothing is written. Such a request cannot be translated into another dialect.
    pub(super) const fn is_as_asked(&self) -> bool {
        self.said.is_none()
    }
}

/// What `target` is told where a request says `said`, and asks for `resolution` as far as is known.
///
/// The detector's word for the resolution outranks the body's, because it has also seen model suffixes and headers. A
/// target that raises or caps (see [`Resolutions`](longhaul::fallback::Resolutions)) is told the size that it makes, in
/// a keyword or as pixels of about the nominal area (1024², 2048², 4096²); the caller's exact pixels are kept only
/// where the resolution is the one asked for.
///
/// Errors: [`SkipReason::Resolution`] where the target makes no such size, or no edges fit its range;
/// [`SkipReason::Ratio`] where it is too narrow; [`SkipReason::Dialect`] where the core has a way of saying sizes that
/// is newer than this crate.
pub(super) fn fit<'t>(
    target: &'t Target,
    said: &SizeFields,
    resolution: Resolution,
) -> Result<Size<'t>, SkipReason> {
    let asked = match resolution {
        Resolution::Unknown => said.resolution.unwrap_or_default(),
        known => known,
    };
    let resolution = target
        .resolutions
        .fit(asked)
        .ok_or(SkipReason::Resolution)?;
    let shape = said.ratio.unwrap_or(Ratio::SQUARE);
    if target.max_ratio.is_some_and(|most| !shape.is_within(most)) {
        return Err(SkipReason::Ratio);
    }
    let said = match &target.sizes {
        Sizes::AsAsked if resolution != asked => return Err(SkipReason::Resolution),
        Sizes::AsAsked => None,
        Sizes::Keywords(words) => Some(Saying {
            size: word(words, resolution).map(str::to_owned),
            ratio: said.ratio,
            ratio_in: &words.ratio,
        }),
        Sizes::Pixels(range) => {
            let exact = said.pixels.filter(|_| resolution == asked);
            let area = exact.map_or_else(
                || nominal_area(resolution),
                |(width, height)| Some(width * height),
            );
            let edges =
                area.map(|area| fit_pixels(range, area, shape).ok_or(SkipReason::Resolution));
            let size = edges.transpose()?;
            Some(Saying {
                ratio: said.ratio.filter(|_| size.is_none()),
                size: size.map(|(width, height)| format!("{width}x{height}")),
                ratio_in: &RatioPlacement::Nowhere,
            })
        }
        _ => return Err(SkipReason::Dialect),
    };
    Ok(Size { resolution, said })
}

/// The word for `resolution`, if it is to be said.
///
/// An empty word in the policy means “say nothing”, for models that make one size and are not asked for it.
fn word(words: &Keywords, resolution: Resolution) -> Option<&str> {
    let word = match resolution {
        Resolution::K1 => &words.k1,
        Resolution::K2 => &words.k2,
        Resolution::K4 => &words.k4,
        Resolution::Unknown => return None,
    };
    (!word.is_empty()).then_some(word)
}

/// Width and height of a picture of this shape with `area` pixels, or as near to it as the target comes. `None` where there
/// is no such picture.
///
/// Both edges are multiples of the target's step. Of the four ways to round them the first within its range of areas is
/// taken, rounding down first. The property test `fitted_pixels_are_within_the_range` bounds what is lost: the shape is
/// within 5 %.
pub(super) fn fit_pixels(range: &Pixels, area: u64, shape: Ratio) -> Option<(u64, u64)> {
    let area = area.clamp(range.min, range.max) as f64;
    let edges = ((area * shape.value()).sqrt(), (area / shape.value()).sqrt());
    // A hair below a multiple is that multiple: roots are not exact.
    let down = |edge: f64| (edge + 1e-6) as u64 / range.multiple_of * range.multiple_of;
    let up = |edge: f64| down(edge).saturating_add(range.multiple_of);
    let candidates = [
        (down(edges.0), down(edges.1)),
        (up(edges.0), down(edges.1)),
        (down(edges.0), up(edges.1)),
        (up(edges.0), up(edges.1)),
    ];
    candidates
        .into_iter()
        .find(|(width, height)| (range.min..=range.max).contains(&width.saturating_mul(*height)))
}

/// The pixels of the square picture that a resolution is named by.
fn nominal_area(resolution: Resolution) -> Option<u64> {
    let edge: u64 = match resolution {
        Resolution::K1 => 1024,
        Resolution::K2 => 2048,
        Resolution::K4 => 4096,
        Resolution::Unknown => return None,
    };
    Some(edge * edge)
}

/// A ratio that nothing but a square can stand for.
///
/// For targets that are told no ratio at all.
pub(super) fn must_be_square(ratio: Option<Ratio>) -> Result<(), SkipReason> {
    match ratio {
        None | Some(Ratio::SQUARE) => Ok(()),
        Some(_) => Err(SkipReason::Ratio),
    }
}

/// Adds the text in `field` to what is `said`.
///
/// A value that is no text, or a text that is no size, makes the target unfit; [`SkipReason::Field`] names the field.
pub(super) fn read(
    said: SizeFields,
    field: &str,
    value: Option<&serde_json::Value>,
) -> Result<SizeFields, SkipReason> {
    match value {
        None | Some(serde_json::Value::Null) => Ok(said),
        Some(value) => value
            .as_str()
            .and_then(|text| said.and(text))
            .ok_or_else(|| unsayable(field)),
    }
}
