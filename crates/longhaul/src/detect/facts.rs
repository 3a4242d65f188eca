//! What was found in a request, and how the finds add up.
//!
//! Finds may contradict each other, since relays read fields that others ignore. They are added up so that the order in which
//! they stand changes nothing (`the_order_of_the_members_means_nothing`), and so that one doubt outweighs every size below
//! 4K.

use std::sync::Arc;

use super::{
    model,
    responses::Tool,
    size::{self, Size},
    value::RequestValue,
};
use crate::model::{Quality, Resolution};

/// Whatever is longer is no model's name, and not worth a copy.
const LONGEST_NAME: usize = 256;

/// What was found so far.
#[derive(Default, Debug)]
pub(super) struct RequestFacts {
    model: Option<Arc<str>>,
    /// The model that makes the images, where another one is asked to have them made.
    image_model: Option<Arc<str>>,
    /// What the fields that name a size amount to; `None` where there are none.
    field: Option<Resolution>,
    /// What `resolution` says, where only some models read it.
    resolution: Option<Resolution>,
    /// What the names of the models add to that.
    suffix: Option<Resolution>,
    /// A field leaves the size open in so many words.
    pub(super) open: bool,
    width: Option<u64>,
    height: Option<u64>,
    /// The request says that it wants images, and not only words.
    pub(super) wants_images: bool,
    /// The tool that is being read.
    pub(super) tool: Tool,
    pub(super) image_tools: u32,
    pub(super) tool_sizes: u32,
    pub(super) images: Option<u32>,
    /// What counts the images is no number.
    pub(super) images_unclear: bool,
    pub(super) references: u32,
    pub(super) quality: Option<Quality>,
    /// The answer is wanted as a stream.
    pub(super) stream: bool,
}

/// The larger of two sizes, where a doubt outweighs all that is below 4K.
pub(super) fn larger(one: Resolution, other: Resolution) -> Resolution {
    match (one, other) {
        (Resolution::K4, _) | (_, Resolution::K4) => Resolution::K4,
        // `Unknown` is the greatest of the order.
        _ => one.max(other),
    }
}

fn add(sum: &mut Option<Resolution>, size: Resolution) {
    *sum = Some(sum.map_or(size, |sum| larger(sum, size)));
}

impl RequestFacts {
    /// A size is named.
    pub(super) fn name_size(&mut self, size: Resolution) {
        add(&mut self.field, size);
    }

    /// Something was named that is not understood, or not surely read by the provider.
    pub(super) fn doubt(&mut self) {
        self.name_size(Resolution::Unknown);
    }

    /// A model is named, and with it perhaps a size.
    pub(super) fn name_model(&mut self, name: &str) {
        if self.model.as_deref().is_some_and(|before| before != name) {
            self.doubt();
        }
        if let Some(name) = self.checked(name) {
            self.model = Some(name);
        }
    }

    fn checked(&mut self, name: &str) -> Option<Arc<str>> {
        if name.len() > LONGEST_NAME {
            self.doubt();
            return None;
        }
        if let Some(size) = model::size_of(name) {
            add(&mut self.suffix, size);
        }
        Some(name.into())
    }

    /// The model whose work is paid for.
    pub(super) fn into_model(self) -> Option<Arc<str>> {
        self.image_model.or(self.model)
    }

    /// What is documented of the named model.
    pub(super) fn family(&self) -> Option<&'static model::Family> {
        model::family(self.model.as_deref()?)
    }

    /// Whether there is a `resolution`, which only some models read.
    pub(super) const fn names_resolution(&self) -> bool {
        self.resolution.is_some()
    }

    /// The model reads `resolution`, and of `size` at most the ratio.
    pub(super) fn believe_resolution(&mut self) {
        if let Some(resolution) = self.resolution.take() {
            self.name_size(resolution);
            self.open = false;
        }
    }

    /// The model may read `resolution`, or pass it over.
    pub(super) fn doubt_resolution(&mut self) {
        match self.resolution.take() {
            Some(Resolution::K4) => self.name_size(Resolution::K4),
            Some(_) => self.doubt(),
            None => {}
        }
    }

    /// The model reads `width` and `height`.
    pub(super) fn believe_edges(&mut self) {
        match (self.width, self.height) {
            (Some(width), Some(height)) => self.name_size(Resolution::of_pixels(width, height)),
            (None, None) => {}
            _ => self.doubt(),
        }
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

    /// Whether the request says that it wants images, or its model makes nothing else.
    pub(super) fn wants_images_or_has_image_model(&self) -> bool {
        self.wants_images || self.has_image_model()
    }
}

/// The field that names the size.
pub(super) fn size(facts: &mut RequestFacts, value: RequestValue<'_>) {
    match value {
        RequestValue::Text(text) => match size::parse(text) {
            Size::Named(resolution) => facts.name_size(resolution),
            Size::Open => facts.open = true,
            Size::Unclear => facts.doubt(),
        },
        RequestValue::Number(_)
        | RequestValue::Bool(_)
        | RequestValue::List
        | RequestValue::Other => facts.doubt(),
    }
}

/// A field that some server may read as the size: believed if it says 4K, else a doubt.
pub(super) fn possible_size(facts: &mut RequestFacts, value: RequestValue<'_>) {
    match value {
        RequestValue::Text(text) if size::parse(text) == Size::Named(Resolution::K4) => {
            facts.name_size(Resolution::K4);
        }
        _ => facts.doubt(),
    }
}

/// A place where the size may be named too, in ways that are not known.
pub(super) fn elsewhere(facts: &mut RequestFacts, _: RequestValue<'_>) {
    facts.doubt();
}

/// The field `resolution`, which the model that is named somewhere may read as the size.
pub(super) fn resolution(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let size = match value {
        RequestValue::Text(text) => match size::parse(text) {
            Size::Named(resolution) => resolution,
            Size::Open | Size::Unclear => Resolution::Unknown,
        },
        RequestValue::Number(_)
        | RequestValue::Bool(_)
        | RequestValue::List
        | RequestValue::Other => Resolution::Unknown,
    };
    add(&mut facts.resolution, size);
}

/// The fields that name the edges, in pixels.
pub(super) fn width(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let width = edge(facts, value);
    facts.width = facts.width.max(width);
}

/// See [`width`].
pub(super) fn height(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let height = edge(facts, value);
    facts.height = facts.height.max(height);
}

fn edge(facts: &mut RequestFacts, value: RequestValue<'_>) -> Option<u64> {
    match value {
        RequestValue::Number(pixels) => Some(pixels),
        RequestValue::Text(_)
        | RequestValue::Bool(_)
        | RequestValue::List
        | RequestValue::Other => {
            facts.doubt();
            None
        }
    }
}

/// The field that names the quality, from which some servers also read sizes.
pub(super) fn quality_or_size(facts: &mut RequestFacts, value: RequestValue<'_>) {
    quality(facts, value);
    if let RequestValue::Text(text) = value
        && matches!(size::parse(text), Size::Named(_))
    {
        possible_size(facts, value);
    }
}

/// The field that names the quality.
pub(super) fn quality(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if let RequestValue::Text(text) = value {
        facts.quality = facts.quality.max(Quality::of_name(text.trim()));
    }
}

/// The field that names the model.
pub(super) fn model(facts: &mut RequestFacts, value: RequestValue<'_>) {
    match value {
        RequestValue::Text(name) => facts.name_model(name),
        RequestValue::Number(_)
        | RequestValue::Bool(_)
        | RequestValue::List
        | RequestValue::Other => facts.doubt(),
    }
}

/// The field that names the model which makes the images, where `model` is another.
pub(super) fn image_model(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if let RequestValue::Text(name) = value
        && let Some(name) = facts.checked(name)
    {
        facts.image_model = Some(name);
    }
}

/// The field that asks for the answer as a stream.
pub(super) fn stream(facts: &mut RequestFacts, value: RequestValue<'_>) {
    facts.stream |= matches!(value, RequestValue::Bool(true) | RequestValue::Text("true"));
}

/// The field that counts the images.
pub(super) fn images(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let count = match value {
        RequestValue::Text(text) => text.trim().parse().ok(),
        RequestValue::Number(count) => Some(count),
        RequestValue::Bool(_) | RequestValue::List | RequestValue::Other => None,
    };
    facts.images_unclear |= count.is_none();
    let count = u32::try_from(count.unwrap_or(1)).unwrap_or(u32::MAX);
    facts.images = facts.images.max(Some(count.max(1)));
}

/// A reference image, or a list of them.
pub(super) fn reference(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if !matches!(value, RequestValue::List | RequestValue::Text("")) {
        facts.references = facts.references.saturating_add(1);
    }
}

/// The type of a piece of the prompt, where reference images are told by it.
pub(super) fn reference_by_type(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if let RequestValue::Text("image" | "input_image") = value {
        reference(facts, value);
    }
}

/// The kinds of answer that are wanted, as a word or a list of words.
pub(super) fn modality(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if let RequestValue::Text(word) = value {
        facts.wants_images |= word.eq_ignore_ascii_case("image");
    }
}
