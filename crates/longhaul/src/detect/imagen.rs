//! Imagen, at Google (Vertex too) and at those who pass it on.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts, RequestValue},
    json::{Field, Fields},
};
use crate::model::Resolution;

pub(super) const PREDICT: RequestDialect = RequestDialect {
    recognises: |path| Call::of_method(path, &["predict"]),
    fields: &Fields::new(&[
        Field::new(&["parameters", "sampleImageSize"], size_or_edge),
        // As new-api writes it.
        Field::new(&["parameters", "imageSize"], size_or_edge),
        Field::new(&["parameters", "sampleCount"], facts::images),
        // The size is then that of a picture which is not looked into.
        Field::new(&["parameters", "upscaleConfig"], facts::elsewhere),
        Field::new(&["parameters", "mode"], mode),
        Field::new(&["instances", "image"], facts::reference),
        Field::new(&["instances", "referenceImages"], facts::reference),
    ]),
    unsaid: |facts| match facts.family() {
        // Of a picture that is given, the size may be kept.
        Some(family) if family.is_imagen && facts.references == 0 => Resolution::K1,
        _ => Resolution::Unknown,
    },
    ..RequestDialect::PLAIN
};

/// `1K`, or the edge of a square, as the older models have it.
fn size_or_edge(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let edge = match value {
        RequestValue::Text(text) => text.trim().parse().ok(),
        RequestValue::Number(edge) => Some(edge),
        RequestValue::Bool(_) | RequestValue::List | RequestValue::Other => None,
    };
    match edge {
        Some(edge @ 64..) => facts.name_size(Resolution::of_pixels(edge, edge)),
        _ => facts::size(facts, value),
    }
}

fn mode(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if !matches!(value, RequestValue::Text(mode) if mode.eq_ignore_ascii_case("interactive")) {
        facts.doubt();
    }
}
