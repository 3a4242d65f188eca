//! Gemini's own API, at Google and at those who pass it on.

use super::{
    dialect::{Call, Dialect},
    facts::{self, Facts},
    json::Field,
};
use crate::workload::Resolution;

const METHODS: [&str; 2] = ["generateContent", "streamGenerateContent"];

pub(super) const GENERATE_CONTENT: Dialect = Dialect {
    recognises,
    fields: &[
        Field::new(
            &["generationConfig", "imageConfig", "imageSize"],
            facts::size,
        ),
        Field::new(&["contents", "parts", "inlineData"], facts::reference),
        Field::new(&["contents", "parts", "fileData"], facts::reference),
    ],
    asks_for_images: Facts::has_image_model,
    // The documented default.
    unsaid: Resolution::K1,
};

/// `…/models/{model}:generateContent`.
fn recognises(path: &str) -> Option<Call<'_>> {
    let (parent, last) = path.rsplit_once('/')?;
    let (model, method) = last.split_once(':')?;
    let is_one = METHODS.contains(&method) && parent.ends_with("/models") && !model.is_empty();
    is_one.then_some(Call { model: Some(model) })
}
