//! Gemini's own API, at Google (Vertex too) and at those who pass it on.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts},
    json::{Field, Fields},
};
use crate::model::Resolution;

const METHODS: [&str; 2] = ["generateContent", "streamGenerateContent"];

pub(super) const GENERATE_CONTENT: RequestDialect = RequestDialect {
    recognises: |path| Call::of_method(path, &METHODS),
    fields: &Fields::new(&[
        Field::new(
            &["generationConfig", "imageConfig", "imageSize"],
            facts::size,
        ),
        Field::new(&["contents", "parts", "inlineData"], facts::reference),
        Field::new(&["contents", "parts", "fileData"], facts::reference),
    ]),
    unsaid: default_of_gemini,
    ..RequestDialect::PLAIN
};

/// The documented default of the models that make images.
pub(super) fn default_of_gemini(facts: &RequestFacts) -> Resolution {
    match facts.family() {
        Some(family) if family.is_gemini => Resolution::K1,
        _ => Resolution::Unknown,
    }
}
