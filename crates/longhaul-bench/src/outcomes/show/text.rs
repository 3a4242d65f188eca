//! The table on a terminal: one for each scenario, and how the default stands in each.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use super::{
    judgement::criteria,
    words::{heading, intro, table},
};
use crate::outcomes::table::Table;

/// A table for each scenario, and how our default stands in each.
pub(crate) fn text(table_of_all: &Table) -> String {
    let mut text = intro(&table_of_all.plan) + "\n\n";
    for (scenario, row) in table_of_all.rows() {
        let mut table = table(row);
        table.load_style(UTF8_HORIZONTAL_ONLY);
        text += &format!("{}\n{}\n{table}\n\n", heading(scenario), scenario.about);
    }
    text += &criteria(table_of_all);
    text.truncate(text.trim_end().len());
    text
}
