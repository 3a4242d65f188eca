//! OpenAI Responses, where a model of words may have images made by a tool.

use super::{
    dialect::{Call, Dialect},
    facts::{self, Facts, Value},
    json::{Field, Fields},
};

pub(super) const RESPONSES: Dialect = Dialect {
    recognises: |path| path.ends_with("/responses").then_some(Call::PLAIN),
    fields: &Fields::new(&[
        Field::new(&["model"], facts::model),
        Field::new(&["stream"], facts::stream),
        Field::new(&["tools", "type"], tool),
        Field::new(&["tools", "size"], tool_size),
        Field::new(&["tools", "quality"], facts::quality),
        Field::new(&["tools", "model"], facts::image_model),
        Field::new(&["input", "content", "type"], facts::reference_by_type),
    ]),
    asks_for_images: |facts| facts.image_tools > 0,
    settle: leave_open_what_a_tool_does_not_say,
    ..Dialect::PLAIN
};

fn tool(facts: &mut Facts, value: Value<'_>) {
    if let Value::Text("image_generation") = value {
        facts.image_tools = facts.image_tools.saturating_add(1);
    }
}

fn tool_size(facts: &mut Facts, value: Value<'_>) {
    facts.tool_sizes = facts.tool_sizes.saturating_add(1);
    facts::size(facts, value);
}

/// Of two tools one may name a size; the other's is as open as if none did.
fn leave_open_what_a_tool_does_not_say(facts: &mut Facts) {
    facts.open |= facts.image_tools > facts.tool_sizes;
}
