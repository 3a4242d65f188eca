//! OpenAI images, as OpenAI, Seedream, xAI and the aggregators speak it; and MiniMax's own call.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts},
    json::{Field, Fields},
};
use crate::model::{Quality, Resolution};

const FIELDS: &Fields = &Fields::new(&[
    Field::new(&["model"], facts::model),
    Field::new(&["stream"], facts::stream),
    Field::new(&["size"], facts::size),
    Field::new(&["n"], facts::images),
    Field::new(&["quality"], facts::quality_or_size),
    // Some models and aggregators read the size from this; `size` may then be the ratio alone.
    Field::new(&["resolution"], facts::resolution),
    Field::new(&["imageSize"], facts::possible_size),
    // For whatever a relay may hand on.
    Field::new(&["extraBody"], facts::elsewhere),
    Field::new(&["extraFields"], facts::elsewhere),
    // One or many, as text in JSON and as files in forms. The mask is none of them.
    Field::new(&["image"], facts::reference),
    Field::new(&["image[]"], facts::reference),
    Field::new(&["images"], facts::reference),
    // OpenRouter's own call.
    Field::new(&["inputReferences"], facts::reference),
]);

pub(super) const GENERATIONS: RequestDialect = RequestDialect {
    recognises: |path| {
        // The second is OpenRouter's.
        let is_one = path.ends_with("/images/generations") || path.ends_with("/api/v1/images");
        is_one.then_some(Call::PLAIN)
    },
    fields: FIELDS,
    asks_for_images: |_| true,
    settle: |facts| {
        let is_read = || facts.family().is_some_and(|family| family.reads_resolution);
        if facts.names_resolution() && is_read() {
            facts.believe_resolution();
        } else {
            facts.doubt_resolution();
        }
        raise_by_quality(facts);
    },
    // Of most models, `auto` is the default, and the provider chooses.
    unsaid: |facts| {
        facts
            .family()
            .map_or(Resolution::Unknown, |family| family.unsaid)
    },
    ..RequestDialect::PLAIN
};

pub(super) const EDITS: RequestDialect = RequestDialect {
    recognises: |path| {
        let is_one = path.ends_with("/images/edits") || path.ends_with("/images/variations");
        is_one.then_some(Call::PLAIN)
    },
    fields: FIELDS,
    forms: true,
    asks_for_images: |_| true,
    // What a model makes by default of a picture that it is given is documented of none.
    settle: |facts| {
        facts.doubt_resolution();
        raise_by_quality(facts);
    },
    ..RequestDialect::PLAIN
};

pub(super) const MINIMAX: RequestDialect = RequestDialect {
    recognises: |path| path.ends_with("/image_generation").then_some(Call::PLAIN),
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["n"], facts::images),
        Field::new(&["width"], facts::width),
        Field::new(&["height"], facts::height),
        Field::new(&["subjectReference"], facts::reference),
    ]),
    asks_for_images: |_| true,
    settle: RequestFacts::believe_edges,
    // Every ratio that it offers has about a million pixels.
    unsaid: |_| Resolution::K1,
    ..RequestDialect::PLAIN
};

fn raise_by_quality(facts: &mut RequestFacts) {
    let is_raised = || {
        facts
            .family()
            .is_some_and(|family| family.high_quality_is_2k)
    };
    if facts.quality == Some(Quality::High) && is_raised() {
        facts.name_size(Resolution::K2);
    }
}
