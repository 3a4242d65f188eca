//! Figures in the form in which people read them: per cent, dollars, seconds.
//!
//! Rounding never says “none” of what is little, nor “all” of what is nearly all.

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
    "wasted per picture",
    "P50",
    "P95",
    "charged per 100",
    "charges per picture",
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

/// Dollars for each picture, to a tenth of a cent
pub(super) fn dollars_each(value: f64) -> String {
    if value.is_finite() {
        format!("${value:.3}")
    } else {
        "all".to_owned()
    }
}

/// A quantile of the times to a picture
pub(super) fn seconds(figures: &Figures, of: fn(&Quantiles) -> f64) -> String {
    let quantile = figures.seconds_to_picture.as_ref().map(of);
    or_dash(quantile.map(|seconds| format!("{seconds:.0} s")))
}

/// A policy's name, and whether it has more than the others
pub(super) fn name(policy: &Policy) -> String {
    let second = if policy.second_provider {
        " (2 providers)"
    } else {
        ""
    };
    format!("{}{second}", policy.name)
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// One scenario's table, in the style that is set on it afterwards.
pub(super) fn table<'a>(row: impl Iterator<Item = (&'static Policy, &'a Figures)>) -> Table {
    let mut table = Table::new();
    table.set_header(HEADINGS);
    for (policy, figures) in row {
        table.add_row([
            name(policy),
            percent(figures.delivered_percent()),
            dollars_each(figures.wasted_per_picture()),
            seconds(figures, |all| all.p50),
            seconds(figures, |all| all.p95),
            dollars(figures.charged_per_hundred()),
            or_dash(
                figures
                    .charged_per_picture()
                    .map(|charged| format!("{charged:.2}")),
            ),
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
        seed,
        seeds,
        operations,
        ..
    } = plan;
    let seeds = match seeds {
        1 => format!("seed {seed}"),
        _ => format!("seeds {seed} to {}", seed.wrapping_add(seeds - 1)),
    };
    let second: Vec<_> = plan
        .policies
        .iter()
        .filter(|policy| policy.second_provider)
        .map(|policy| policy.name)
        .collect();
    let second = if second.is_empty() {
        "Nobody has a second provider".to_owned()
    } else {
        format!(
            "Only {} has a second provider, which is always well and costs the same",
            second.join(", ")
        )
    };
    format!(
        "{operations} pictures asked for in each scenario under each policy, simulated, {seeds}. Wasted is what was charged \
         beyond one price for each picture delivered; times are from the question to the picture\u{2019}s last byte. \
         {second}; everybody has ten places for calls to a host, and the same luck."
    )
}

/// A scenario's heading
pub(super) fn heading(scenario: &Scenario) -> String {
    format!("{} (`{}`)", scenario.title, scenario.name)
}
