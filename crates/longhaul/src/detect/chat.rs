//! Chat with images in the answer, as OpenRouter and the aggregators speak it.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts},
    json::{Field, Fields},
};
use crate::model::Resolution;

pub(super) const COMPLETIONS: RequestDialect = RequestDialect {
    recognises: |path| path.ends_with("/chat/completions").then_some(Call::PLAIN),
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["stream"], facts::stream),
        Field::new(&["n"], facts::images),
        Field::new(&["modalities"], facts::modality),
        Field::new(&["imageConfig", "imageSize"], facts::size),
        Field::new(&["messages", "content", "imageUrl"], facts::reference),
        // Places from which one relay or another takes the size, and the next one does not.
        Field::new(&["size"], facts::possible_size),
        Field::new(&["resolution"], facts::possible_size),
        Field::new(&["imageSize"], facts::possible_size),
        Field::new(
            &["generationConfig", "imageConfig", "imageSize"],
            facts::possible_size,
        ),
        Field::new(&["extraBody"], facts::elsewhere),
        Field::new(
            &["extraBody", "google", "imageConfig", "imageSize"],
            facts::possible_size,
        ),
    ]),
    asks_for_images: RequestFacts::wants_images_or_has_image_model,
    // The documented default is Gemini's, and where images are asked for in so many words.
    unsaid: |facts| match facts.family() {
        Some(family) if family.is_gemini && facts.wants_images => Resolution::K1,
        _ => Resolution::Unknown,
    },
    ..RequestDialect::PLAIN
};
