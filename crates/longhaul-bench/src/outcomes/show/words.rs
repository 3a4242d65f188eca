//! Figures as people read them.

use comfy_table::{CellAlignment, Table};

use crate::outcomes::{
    figures::{Figures, Quantiles},
    policies::Policy,
    scenario::Scenario,
    table::Plan,
};

const HEADINGS: [&str; 8] = [
    "policy",
    "pictures",
    "charged per picture",
    "wasted per 100",
    "P50",
    "P95",
    "P99",
    "claimed per 100",
];

pub(super) fn percent(value: f64) -> String {
    // Hardly ever is not never, and nearly all is not all.
    if value > 0.0 && value < 0.05 {
        "< 0.1 %".to_owned()
    } else if (99.95..100.0).contains(&value) {
        "> 99.9 %".to_owned()
    } else {
        format!("{value:.1} %")
    }
}

pub(super) fn dollars(value: f64) -> String {
    format!("${value:.2}")
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// One scenario's table, in the style that is set on it afterwards.
pub(super) fn table<'a>(
    row: impl Iterator<Item = (&'static Policy, &'a Figures)>,
    name: impl Fn(&str) -> String,
) -> Table {
    let mut table = Table::new();
    table.set_header(HEADINGS);
    for (policy, figures) in row {
        let seconds = |of: fn(&Quantiles) -> f64| {
            let quantile = figures.seconds_to_picture.as_ref().map(of);
            or_dash(quantile.map(|seconds| format!("{seconds:.0} s")))
        };
        table.add_row([
            name(policy.name),
            percent(figures.delivered_percent()),
            or_dash(
                figures
                    .charged_per_picture()
                    .map(|charged| format!("{charged:.2}")),
            ),
            dollars(figures.wasted_per_hundred()),
            seconds(|all| all.p50),
            seconds(|all| all.p95),
            seconds(|all| all.p99),
            or_dash(figures.claimed_per_hundred().map(dollars)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What was played, and what the figures mean.
pub(super) fn intro(plan: &Plan) -> String {
    let Plan {
        seed, operations, ..
    } = plan;
    format!(
        "{operations} pictures asked for in each scenario under each policy, simulated, seed {seed}. Wasted is what was \
         charged beyond one price for each picture delivered; dollars are for each hundred pictures asked for, times are \
         those of the pictures delivered."
    )
}

/// A scenario's heading
pub(super) fn heading(scenario: &Scenario) -> String {
    format!("{} (`{}`)", scenario.title, scenario.name)
}
