//! For other programs.

use serde::Serialize;

use crate::outcomes::{figures::Figures, table::Table};

#[derive(Serialize)]
struct Json<'a> {
    seed: u64,
    operations: usize,
    scenarios: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    title: &'a str,
    policies: Vec<Column<'a>>,
}

#[derive(Serialize)]
struct Column<'a> {
    policy: &'a str,
    #[serde(flatten)]
    figures: &'a Figures,
}

/// All figures, not rounded.
pub(crate) fn json(all: &Table) -> serde_json::Result<String> {
    let scenarios = all.rows().map(|(scenario, row)| Row {
        scenario: &scenario.name,
        title: &scenario.title,
        policies: row
            .map(|(policy, figures)| Column {
                policy: policy.name,
                figures,
            })
            .collect(),
    });
    serde_json::to_string_pretty(&Json {
        seed: all.plan.seed,
        operations: all.plan.operations,
        scenarios: scenarios.collect(),
    })
}
