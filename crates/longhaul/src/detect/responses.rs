//! OpenAI Responses, where a model of words may have images made by a tool; and as OpenRouter speaks it, where the model
//! itself makes them.

use super::{
    dialect::{Call, RequestDialect},
    facts::{self, RequestFacts, RequestValue, larger},
    json::{Field, Fields},
    size::{self, Size},
};
use crate::model::Resolution;

pub(super) const RESPONSES: RequestDialect = RequestDialect {
    recognises: |path| path.ends_with("/responses").then_some(Call::PLAIN),
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["stream"], facts::stream),
        Field::new(&["tools"], next_tool),
        Field::new(&["tools", "type"], tool_type),
        Field::new(&["tools", "size"], tool_size),
        Field::new(&["tools", "quality"], facts::quality),
        Field::new(&["tools", "model"], facts::image_model),
        Field::new(&["modalities"], facts::modality),
        Field::new(&["imageConfig", "imageSize"], facts::size),
        Field::new(&["input", "content", "type"], facts::reference_by_type),
    ]),
    asks_for_images: |facts| facts.image_tools > 0 || facts.wants_images,
    settle: |facts| {
        end_tool(facts);
        // Of two tools one may name a size; the other's is as open as if none did.
        facts.open |= facts.image_tools > facts.tool_sizes;
    },
    ..RequestDialect::PLAIN
};

/// A tool of which not all is read yet.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tool {
    /// Whether it makes images; `None` while it does not say.
    makes_images: Option<bool>,
    size: Option<Size>,
}

fn next_tool(facts: &mut RequestFacts, value: RequestValue<'_>) {
    if !matches!(value, RequestValue::List) {
        end_tool(facts);
    }
}

fn tool_type(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let makes_images = matches!(value, RequestValue::Text("image_generation"));
    // Of a key that comes twice, nobody knows which counts.
    let before = facts.tool.makes_images.unwrap_or_default();
    facts.tool.makes_images = Some(makes_images || before);
}

fn tool_size(facts: &mut RequestFacts, value: RequestValue<'_>) {
    let size = match value {
        RequestValue::Text(text) => size::parse(text),
        _ => Size::Unclear,
    };
    facts.tool.size = Some(match (facts.tool.size, size) {
        (Some(Size::Named(one)), Size::Named(other)) => Size::Named(larger(one, other)),
        (Some(_), _) => Size::Unclear,
        (None, size) => size,
    });
}

/// All of a tool is read: its size counts where it makes images.
fn end_tool(facts: &mut RequestFacts) {
    let Tool { makes_images, size } = std::mem::take(&mut facts.tool);
    let makes_images = match makes_images {
        Some(makes_images) => makes_images,
        // Cut off before it says what it is: 4K is believed all the same.
        None => size == Some(Size::Named(Resolution::K4)),
    };
    if !makes_images {
        return;
    }
    facts.image_tools = facts.image_tools.saturating_add(1);
    let Some(size) = size else { return };
    facts.tool_sizes = facts.tool_sizes.saturating_add(1);
    match size {
        Size::Named(resolution) => facts.name_size(resolution),
        Size::Open => facts.open = true,
        Size::Unclear => facts.doubt(),
    }
}
