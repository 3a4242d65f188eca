//! What the name of a model says.

use crate::workload::Resolution;

/// Endings by which aggregators sell one model in several sizes.
const SUFFIXES: [(&str, Resolution); 2] = [("-2k", Resolution::K2), ("-4k", Resolution::K4)];

/// Words by which the models that make images are known.
const IMAGE_WORDS: [&str; 2] = ["image", "banana"];

/// The size that the name ends in.
pub(super) fn size_of(model: &str) -> Option<Resolution> {
    let (_, ending) = model.split_at_checked(model.len().checked_sub(3)?)?;
    SUFFIXES
        .iter()
        .find(|(suffix, _)| suffix.eq_ignore_ascii_case(ending))
        .map(|(_, resolution)| *resolution)
}

/// Whether the name is that of a model which makes images.
pub(super) fn makes_images(model: &str) -> bool {
    IMAGE_WORDS.iter().any(|word| {
        model
            .as_bytes()
            .windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    })
}
