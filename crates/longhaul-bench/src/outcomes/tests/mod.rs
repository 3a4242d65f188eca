//! Paused time throughout: days pass in moments, and the machine's speed decides nothing.

mod books;
mod chosen;
mod criteria;
mod figures;
mod known;
mod new_fields;
mod same;

use std::sync::Arc;

use super::{
    cell::{Cell, play},
    figures::Figures,
    policies::{self, Policy},
    scenario::{Scenario, builtin},
    section_of,
    table::{Plan, Table},
};

fn policy(name: &str) -> &'static Policy {
    let policy = policies::all().find(|policy| policy.name == name);
    policy.unwrap_or_else(|| panic!("{name} is a policy"))
}

fn scenario(rest: &str) -> Arc<Scenario> {
    let text = format!("title = \"T\"\nabout = \"A.\"\n{rest}");
    Arc::new(Scenario::parse("test", &text).unwrap())
}

fn played(rest: &str, name: &str, operations: usize) -> Cell {
    play(&scenario(rest), policy(name), 1, operations).unwrap()
}

fn figures(rest: &str, name: &str, operations: usize) -> Figures {
    let cell = played(rest, name, operations);
    assert_eq!(cell.wrong, [""; 0]);
    cell.sums.figures()
}

/// Every scenario under every policy
fn everything(seed: u64, operations: usize) -> Table {
    let plan = Plan {
        seed,
        seeds: 1,
        operations,
        scenarios: builtin().unwrap().into_iter().map(Arc::new).collect(),
        policies: policies::all().collect(),
    };
    plan.play().unwrap()
}
