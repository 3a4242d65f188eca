//! What layers cost per operation.
//!
//! Every service is put around the same mock and does the same operations, in rounds in turn (A B C … A B C …), so
//! that whatever else the machine does meanwhile hits all alike. Futures are polled by hand and not by a runtime,
//! whose turns would be measured too; timers are tokio's and real.

mod instructions;
mod rounds;
mod tables;

use std::error::Error;

use self::{
    instructions::Instructions,
    rounds::{Operation, Plan},
};
use crate::report::{Effort, Section};

/// One thing to do, again and again.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    title: &'static str,
    operation: Operation,
    /// Bytes of the request's body.
    body: usize,
    /// Whether instructions are counted as well.
    counted: bool,
}

const SMALL: usize = 1 << 10;
const LARGE: usize = 4 << 20;

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        title: "1 KiB, answered at once",
        operation: Operation::AtOnce,
        body: SMALL,
        counted: true,
    },
    Scenario {
        title: "1 KiB, pending once, timers armed",
        operation: Operation::Armed,
        body: SMALL,
        counted: true,
    },
    Scenario {
        title: "4 MiB, answered at once",
        operation: Operation::AtOnce,
        body: LARGE,
        counted: false,
    },
    Scenario {
        title: "4 MiB, pending once, timers armed",
        operation: Operation::Armed,
        body: LARGE,
        counted: false,
    },
];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer rounds
    #[arg(long)]
    quick: bool,
    /// Only run this contender's operations and measure nothing: for a profiler, or valgrind
    #[arg(long, value_name = "NAME")]
    one: Option<String>,
    /// With --one: how many operations
    #[arg(long, default_value_t = 1000, requires = "one")]
    count: usize,
    /// With --one: every operation is pending once
    #[arg(long, requires = "one")]
    armed: bool,
    /// With --one: bytes of the request's body
    #[arg(long, default_value_t = SMALL, requires = "one")]
    body: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(name) = &options.one {
        let operation = if options.armed {
            Operation::Armed
        } else {
            Operation::AtOnce
        };
        return rounds::only(name, operation, options.body, options.count);
    }
    let effort = Effort::quick_if(options.quick);
    println!("{}", section(effort)?.markdown);
    Ok(())
}

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let mut measured = Vec::new();
    for scenario in SCENARIOS {
        let plan = Plan::of(&scenario, effort);
        let figures = rounds::measure(&scenario, plan)?;
        let instructions = if scenario.counted {
            Instructions::count(&scenario, &figures, effort)?
        } else {
            Instructions::NotAsked
        };
        measured.push((scenario, figures, instructions));
    }
    Ok(tables::section(&measured))
}
