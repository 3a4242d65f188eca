//! For a terminal.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use super::words::{heading, intro, table};
use crate::outcomes::table::Table;

/// A table for each scenario.
pub(crate) fn text(table_of_all: &Table) -> String {
    let mut text = intro(&table_of_all.plan) + "\n\n";
    for (scenario, row) in table_of_all.rows() {
        let mut table = table(row, str::to_owned);
        table.load_style(UTF8_HORIZONTAL_ONLY);
        text += &format!("{}\n{}\n{table}\n\n", heading(scenario), scenario.about);
    }
    text.truncate(text.trim_end().len());
    text
}
