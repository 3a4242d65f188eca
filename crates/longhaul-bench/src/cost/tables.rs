//! The section on cost: one table for each kind of operation, the plot, and the aims with the figures beside them.
//!
//! Each figure is what a contender takes beyond the bare mock; the ratio is to the four duties from tower's parts.

use std::fmt::Write;

use super::{
    LARGE, SMALL, Scenario,
    instructions::Instructions,
    rounds::{Figures, Operation},
};
use crate::{
    contenders::names,
    plot,
    report::{Aim, Section, aims},
    statistics::{median, median_of_rounds},
    table::{figure, table},
};

type Measured = (Scenario, Vec<Figures>, Instructions);

pub(super) fn section(measured: &[Measured]) -> Section {
    let mut markdown = String::from(
        "Per operation, beyond the bare mock; medians over rounds in turn, and the median of each round's ratio to the \
         four duties from tower's parts (a timeout by size, retry, one record per attempt, a header). The time that \
         counting the allocations takes is measured in every round and taken off.\n",
    );
    for (scenario, figures, instructions) in measured {
        let _ = write!(markdown, "\n### {}\n\n", scenario.title);
        let _ = writeln!(markdown, "{}", side_by_side(figures, instructions));
        if matches!(instructions, Instructions::NoValgrind) {
            markdown.push_str("\nInstructions: not measured, no valgrind.\n");
        }
    }
    let _ = write!(
        markdown,
        "\n{}\n\nWhich layer allocates what, and what for, is said in `tests/allocation.rs`. Reading the workload looks \
         at every byte of the body once and allocates nothing for it; what that takes is the last-but-one row of 4 MiB less \
         the last.\n",
        aims(aims_of(measured))
    );
    Section {
        title: "Cost of the layers".to_owned(),
        markdown,
        plots: vec![("cost.svg".to_owned(), plot_of(measured))],
    }
}

fn find<'f>(figures: &'f [Figures], name: &str) -> &'f Figures {
    figures
        .iter()
        .find(|figures| figures.name == name)
        .expect("every contender is measured")
}

/// By how much `one` is above the bare service, for each thing that is measured.
struct Beyond {
    nanoseconds: f64,
    /// To the four duties from tower's parts.
    ratio: f64,
    instructions: f64,
    allocations: f64,
    bytes: f64,
}

impl Beyond {
    fn bare(all: &[Figures], instructions: &Instructions, one: &Figures) -> Self {
        let bare = find(all, names::BARE);
        let above = |one: &[f64], bare: &[f64]| median_of_rounds(one, bare, |one, bare| one - bare);
        let beyond = |figures: &Figures| -> Vec<f64> {
            let rounds = figures.nanoseconds.iter().zip(&bare.nanoseconds);
            rounds.map(|(one, bare)| one - bare).collect()
        };
        let parts = beyond(find(all, names::TOWER_PARTS));
        Self {
            nanoseconds: median(beyond(one)),
            ratio: median_of_rounds(&beyond(one), &parts, |one, parts| one / parts),
            instructions: instructions.of(one.name) - instructions.of(bare.name),
            allocations: above(&one.allocations, &bare.allocations),
            bytes: above(&one.allocated_bytes, &bare.allocated_bytes),
        }
    }
}

fn side_by_side(all: &[Figures], instructions: &Instructions) -> comfy_table::Table {
    let headings = [
        "",
        "ns",
        "× four duties",
        "instructions",
        "allocations",
        "bytes allocated",
    ];
    let mut table = table(headings);
    let bare = &all[0];
    table.add_row([
        format!("{}, in all", bare.title),
        figure(median(bare.nanoseconds.iter().copied())),
        "–".to_owned(),
        figure(instructions.of(bare.name)),
        figure(median(bare.allocations.iter().copied())),
        figure(median(bare.allocated_bytes.iter().copied())),
    ]);
    for one in &all[1..] {
        let beyond = Beyond::bare(all, instructions, one);
        table.add_row([
            format!("+ {}", one.title),
            figure(beyond.nanoseconds),
            format!("{:.2}", beyond.ratio),
            figure(beyond.instructions),
            figure(beyond.allocations),
            figure(beyond.bytes),
        ]);
    }
    table
}

fn aims_of(measured: &[Measured]) -> Vec<Aim> {
    let stack_of = |operation, body, name| {
        let same =
            |(scenario, ..): &&Measured| scenario.operation == operation && scenario.body == body;
        let (_, figures, instructions) = measured.iter().find(same).expect("it is a scenario");
        Beyond::bare(figures, instructions, find(figures, name))
    };
    let timeout = stack_of(Operation::Armed, SMALL, names::TIMEOUT);
    let small = stack_of(Operation::Armed, SMALL, names::STACK);
    let large = stack_of(Operation::Armed, LARGE, names::STACK);
    vec![
        Aim::at_most(
            "instructions of our whole stack, armed, beyond bare",
            20_000.0,
            "",
            small.instructions,
        ),
        Aim::at_most(
            "allocations of our whole stack beyond bare",
            11.0,
            "",
            small.allocations,
        ),
        Aim::at_most(
            "instructions of `SizeAwareTimeout` alone",
            3_500.0,
            "",
            timeout.instructions,
        ),
        Aim::at_most(
            "allocations of `SizeAwareTimeout` alone",
            4.0,
            "",
            timeout.allocations,
        ),
        Aim::at_most(
            "bytes that it allocates more for 4 MiB than for 1 KiB",
            0.0,
            "bytes",
            large.bytes - small.bytes,
        ),
    ]
}

fn plot_of(measured: &[Measured]) -> String {
    let armed = |(scenario, ..): &&Measured| {
        scenario.operation == Operation::Armed && scenario.body == SMALL
    };
    let (scenario, figures, instructions) = measured.iter().find(armed).expect("it is a scenario");
    let bars: Vec<_> = figures[1..]
        .iter()
        .map(|one| {
            (
                one.title,
                Beyond::bare(figures, instructions, one).nanoseconds,
            )
        })
        .collect();
    plot::bars(
        &format!("Nanoseconds beyond the bare service: {}", scenario.title),
        &bars,
    )
}
