//! For README and BENCHMARKS.md.

use comfy_table::presets::ASCII_MARKDOWN;

use super::words::{dollars, heading, intro, percent, table};
use crate::outcomes::table::Table;

/// What the policies are, one table to compare them, and a table for each scenario.
pub(crate) fn markdown(all: &Table) -> String {
    let mut text = format!("{}\n\n{}", intro(&all.plan), overview(all));
    text += "\n| policy | what it is |\n|---|---|\n";
    for policy in &all.plan.policies {
        text += &format!("| `{}` | {} |\n", policy.name, policy.about);
    }
    for (scenario, row) in all.rows() {
        let mut table = table(row, |name| format!("`{name}`"));
        table.load_style(ASCII_MARKDOWN);
        text += &format!(
            "\n### {}\n\n{}\n\n{table}\n",
            heading(scenario),
            scenario.about
        );
    }
    text
}

/// Pictures delivered and money wasted, scenario by policy.
fn overview(all: &Table) -> String {
    let mut text = "| scenario |".to_owned();
    for policy in &all.plan.policies {
        text += &format!(" {} |", policy.name);
    }
    text += "\n|---|";
    text += &"---:|".repeat(all.plan.policies.len());
    text.push('\n');
    for (scenario, row) in all.rows() {
        text += &format!("| {} |", scenario.title);
        for (_, figures) in row {
            let delivered = percent(figures.delivered_percent());
            let wasted = dollars(figures.wasted_per_hundred());
            text += &format!(" {delivered}<br>{wasted} |");
        }
        text.push('\n');
    }
    text
}
