//! The table as JSON, for other programs: all figures as they are, not rounded.

use serde::Serialize;

use crate::outcomes::{criteria::Judgement, figures::Figures, table::Table};

#[derive(Serialize)]
struct Json<'a> {
    seed: u64,
    seeds: u64,
    operations: usize,
    scenarios: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    title: &'a str,
    aim: bool,
    policies: Vec<Column<'a>>,
}

#[derive(Serialize)]
struct Column<'a> {
    policy: &'a str,
    #[serde(flatten)]
    figures: &'a Figures,
    /// Of those that are judged
    #[serde(skip_serializing_if = "Option::is_none")]
    criteria: Option<&'a Judgement>,
}

/// All figures, not rounded.
pub(crate) fn json(all: &Table) -> serde_json::Result<String> {
    let judged: Vec<_> = all.judgements().collect();
    let criteria = |name: &str, policy: &str| {
        let mut judged = judged.iter();
        let found = judged.find(|(scenario, of, _)| scenario.name == name && of.name == policy);
        found.map(|(.., judgement)| judgement)
    };
    let scenarios = all.rows().map(|(scenario, row)| Row {
        scenario: &scenario.name,
        title: &scenario.title,
        aim: scenario.aim,
        policies: row
            .map(|(policy, figures)| Column {
                policy: policy.name,
                figures,
                criteria: criteria(&scenario.name, policy.name),
            })
            .collect(),
    });
    serde_json::to_string_pretty(&Json {
        seed: all.plan.seed,
        seeds: all.plan.seeds,
        operations: all.plan.operations,
        scenarios: scenarios.collect(),
    })
}
