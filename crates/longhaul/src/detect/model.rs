//! What the name of a model says.

use super::facts::larger;
use crate::model::Resolution;

/// Words by which the models that make images are known.
const IMAGE_WORDS: [&str; 5] = ["image", "banana", "seedream", "imagine", "dall-e"];

/// Words in a name that may be meant as a size above the smallest.
const SIZES: [&str; 4] = ["2k", "3k", "4k", "8k"];

/// What is documented of models, by words of their names. A model that is not listed has no default.
const FAMILIES: [Family; 5] = [
    // Whoever they are by their other words: their size is that of a picture which is not looked into.
    Family {
        words: &["upscale"],
        ..Family::PLAIN
    },
    Family {
        words: &["seedream-4", "seedream-5"],
        unsaid: Resolution::K2,
        ..Family::PLAIN
    },
    Family {
        words: &["grok-imagine"],
        unsaid: Resolution::K1,
        reads_resolution: true,
        ..Family::PLAIN
    },
    Family {
        words: &["gemini", "banana"],
        reads_resolution: true,
        high_quality_is_2k: true,
        is_gemini: true,
        ..Family::PLAIN
    },
    Family {
        words: &["imagen-2", "imagen-3", "imagen-4", "imagegeneration"],
        is_imagen: true,
        ..Family::PLAIN
    },
];

/// What is documented of the models of one kind.
#[derive(Debug)]
pub(super) struct Family {
    /// A name with one of these in it is of this family.
    words: &'static [&'static str],
    /// The size of an image of which the OpenAI-like call says none.
    pub(super) unsaid: Resolution,
    /// The OpenAI-like call names the size in `resolution`. Where a relay passes that over, the model's own
    /// default is no larger than anything that could be said in it.
    pub(super) reads_resolution: bool,
    /// Relays ask the model for 2K where the quality is said to be high.
    pub(super) high_quality_is_2k: bool,
    /// Google's own calls make 1K of it where they name no size.
    pub(super) is_gemini: bool,
    /// The same for those of the older call.
    pub(super) is_imagen: bool,
}

impl Family {
    const PLAIN: Self = Self {
        words: &[],
        unsaid: Resolution::Unknown,
        reads_resolution: false,
        high_quality_is_2k: false,
        is_gemini: false,
        is_imagen: false,
    };
}

/// The family of a model.
pub(super) fn family(model: &str) -> Option<&'static Family> {
    FAMILIES
        .iter()
        .find(|family| has_one_of(model, family.words))
}

/// The size that the name gives away, as aggregators sell one model in several.
///
/// It is the ending that is documented: `-2k`, `-4k`. The same anywhere else in the name is a doubt.
pub(super) fn size_of(model: &str) -> Option<Resolution> {
    let (before, ending) = match model.rsplit_once('-') {
        Some((before, word)) if word.eq_ignore_ascii_case("2k") => (before, Some(Resolution::K2)),
        Some((before, word)) if word.eq_ignore_ascii_case("4k") => (before, Some(Resolution::K4)),
        _ => (model, None),
    };
    let is_size = |word: &str| SIZES.iter().any(|size| size.eq_ignore_ascii_case(word));
    let elsewhere = before
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_size)
        .then_some(Resolution::Unknown);
    match (ending, elsewhere) {
        (Some(ending), Some(elsewhere)) => Some(larger(ending, elsewhere)),
        (ending, elsewhere) => ending.or(elsewhere),
    }
}

/// Whether the name is that of a model which makes images.
pub(super) fn makes_images(model: &str) -> bool {
    has_one_of(model, &IMAGE_WORDS)
}

/// Whether one of `words` is in the name, in any case.
fn has_one_of(model: &str, words: &[&str]) -> bool {
    let is_in = |word: &&str| {
        let mut parts = model.as_bytes().windows(word.len());
        parts.any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    words.iter().any(is_in)
}
