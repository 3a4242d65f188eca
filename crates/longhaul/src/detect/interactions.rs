//! Gemini Interactions.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts},
    gemini,
    json::{Field, Fields},
};

pub(super) const INTERACTIONS: RequestDialect = RequestDialect {
    recognises: |path| path.ends_with("/interactions").then_some(Call::PLAIN),
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["stream"], facts::stream),
        Field::new(&["responseFormat", "type"], facts::modality),
        Field::new(&["responseFormat", "imageSize"], facts::size),
        Field::new(&["responseModalities"], facts::modality),
        // Deprecated, and still read.
        Field::new(
            &["generationConfig", "imageConfig", "imageSize"],
            facts::size,
        ),
        Field::new(&["input", "type"], facts::reference_by_type),
        Field::new(&["input", "content", "type"], facts::reference_by_type),
    ]),
    asks_for_images: RequestFacts::wants_images_or_has_image_model,
    unsaid: gemini::default_of_gemini,
    ..RequestDialect::PLAIN
};
