//! What was found in a request, and how the finds add up.

use std::sync::Arc;

use super::{
    model,
    size::{self, Size},
};
use crate::workload::Resolution;

/// A value in a request's JSON, as far as it can matter here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Text(&'v str),
    Number(u64),
    /// An object, a list, a truth value, a number that is no count.
    Other,
}

/// Whatever is longer is no model's name, and not worth a copy.
const LONGEST_NAME: usize = 256;

/// What was found so far.
#[derive(Default, Debug)]
pub(super) struct Facts {
    pub(super) model: Option<Arc<str>>,
    /// What the fields that name a size amount to; `None` where there are none.
    field: Option<Resolution>,
    /// What the name of the model adds to that.
    suffix: Option<Resolution>,
    /// A field leaves the size open in so many words.
    pub(super) open: bool,
    pub(super) images: Option<u32>,
    pub(super) references: u32,
}

/// The larger of two sizes, where a doubt outweighs all that is below 4K.
fn larger(one: Resolution, other: Resolution) -> Resolution {
    match (one, other) {
        (Resolution::K4, _) | (_, Resolution::K4) => Resolution::K4,
        // `Unknown` is the greatest of the order.
        _ => one.max(other),
    }
}

fn add(sum: &mut Option<Resolution>, size: Resolution) {
    *sum = Some(sum.map_or(size, |sum| larger(sum, size)));
}

impl Facts {
    /// Something was named that is not understood, or not surely read by the provider.
    pub(super) fn doubt(&mut self) {
        add(&mut self.field, Resolution::Unknown);
    }

    /// A model is named, and with it perhaps a size.
    pub(super) fn name_model(&mut self, name: &str) {
        if name.len() > LONGEST_NAME {
            return self.doubt();
        }
        if self.model.as_deref().is_some_and(|before| before != name) {
            self.doubt();
        }
        if let Some(size) = model::size_of(name) {
            add(&mut self.suffix, size);
        }
        self.model = Some(name.into());
    }

    /// The size that is named, by fields and by the model; `None` where none is.
    pub(super) fn named_size(&self) -> Option<Resolution> {
        let field = match self.field {
            // One key says `auto` and its double `1K`: nobody knows which of them counts.
            Some(size) if self.open => Some(larger(size, Resolution::Unknown)),
            field => field,
        };
        match (field, self.suffix) {
            (Some(field), Some(suffix)) => Some(larger(field, suffix)),
            (field, suffix) => field.or(suffix),
        }
    }

    /// Whether the named model makes images.
    pub(super) fn has_image_model(&self) -> bool {
        self.model.as_deref().is_some_and(model::makes_images)
    }
}

/// The field that names the size.
pub(super) fn size(facts: &mut Facts, value: Value<'_>) {
    match value {
        Value::Text(text) => match size::parse(text) {
            Size::Named(resolution) => add(&mut facts.field, resolution),
            Size::Open => facts.open = true,
            Size::Unclear => facts.doubt(),
        },
        Value::Number(_) | Value::Other => facts.doubt(),
    }
}

/// A field that some server may read as the size: believed if it says 4K, else a doubt.
pub(super) fn possible_size(facts: &mut Facts, value: Value<'_>) {
    match value {
        Value::Text(text) if size::parse(text) == Size::Named(Resolution::K4) => {
            add(&mut facts.field, Resolution::K4);
        }
        _ => facts.doubt(),
    }
}

/// A field with a meaning of its own (`quality: "high"`) that some servers also read sizes from.
pub(super) fn perhaps_size(facts: &mut Facts, value: Value<'_>) {
    if let Value::Text(text) = value
        && matches!(size::parse(text), Size::Named(_))
    {
        possible_size(facts, value);
    }
}

/// The field that names the model.
pub(super) fn model(facts: &mut Facts, value: Value<'_>) {
    match value {
        Value::Text(name) => facts.name_model(name),
        Value::Number(_) | Value::Other => facts.doubt(),
    }
}

/// The field that counts the images.
pub(super) fn images(facts: &mut Facts, value: Value<'_>) {
    let count = match value {
        Value::Text(text) => text.trim().parse().unwrap_or(1),
        Value::Number(count) => count,
        Value::Other => 1,
    };
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    facts.images = facts.images.max(Some(count.max(1)));
}

/// A reference image.
pub(super) fn reference(facts: &mut Facts, _: Value<'_>) {
    facts.references = facts.references.saturating_add(1);
}
