//! The table as Markdown, for `README.md` and `BENCHMARKS.md`: an overview, how the default stands, what each policy
//! is, and each scenario.

use comfy_table::presets::ASCII_MARKDOWN;

use super::{
    judgement::{criteria, variants},
    words::{dollars, dollars_each, heading, intro, name, percent, seconds, table},
};
use crate::outcomes::{figures::Figures, policies::Policy, table::Table};

/// One table to compare the policies, how our default stands, what the policies are, and a table for each scenario.
pub(crate) fn markdown(all: &Table) -> String {
    let mut text = format!(
        "{}\n\n{}\n{}",
        intro(&all.plan),
        overview(all),
        criteria(all)
    );
    text += "\n| policy | what it is |\n|---|---|\n";
    for policy in &all.plan.policies {
        text += &format!("| `{}` | {} |\n", policy.name, policy.about);
    }
    for (scenario, row) in all.rows() {
        let mut table = table(row);
        table.load_style(ASCII_MARKDOWN);
        text += &format!(
            "\n### {}\n\n{}\n\n{table}\n",
            heading(scenario),
            scenario.about
        );
    }
    text
}

/// The default and its variants: which rule does what.
pub(crate) fn ablation(all: &Table) -> String {
    let ours = all.of(Policy::is_judged);
    let mut text = format!("### The default\u{2019}s rules\n\n{}", overview(&ours));
    text += &variants(all);
    text += "\n| variant | what it is |\n|---|---|\n";
    for policy in &ours.plan.policies {
        text += &format!("| `{}` | {} |\n", policy.name, policy.about);
    }
    text
}

/// What came of it, scenario by policy.
fn overview(all: &Table) -> String {
    let all = &all.of(Policy::is_everywhere);
    let mut text = "In each field: pictures delivered, wasted per picture delivered, P50 and P95 of the time to it, charged \
                    for each hundred asked for.\n\n| scenario |"
        .to_owned();
    for policy in &all.plan.policies {
        text += &format!(" {} |", name(policy));
    }
    text += "\n|---|";
    text += &"---:|".repeat(all.plan.policies.len());
    text.push('\n');
    for (scenario, row) in all.rows() {
        text += &format!("| {} |", scenario.title);
        for (_, figures) in row {
            text += &format!(" {} |", field(figures));
        }
        text.push('\n');
    }
    text
}

fn field(figures: &Figures) -> String {
    let times = [
        seconds(figures, |all| all.p50),
        seconds(figures, |all| all.p95),
    ];
    [
        percent(figures.delivered_percent()),
        dollars_each(figures.wasted_per_picture()),
        times.join(" / "),
        dollars(figures.charged_per_hundred()),
    ]
    .join("<br>")
}
