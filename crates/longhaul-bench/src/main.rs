//! Benchmarks side by side with peers, the outcome scenarios, the soak.
//!
//! Each subcommand measures one thing and prints it; `report` runs all and writes `BENCHMARKS.md`. Some run this
//! program once more ([`child`]), for a process that nothing else has touched. `--quick` shows in a minute that
//! everything runs, and not how fast.

mod child;
mod contenders;
mod cost;
mod gateway;
mod heap;
mod in_flight;
mod ledger;
mod outcomes;
mod plot;
mod process;
mod report;
mod soak;
mod statistics;
mod table;
mod wire;
mod workload;

use std::{alloc::System, error::Error, process::ExitCode};

use clap::{Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what lives on the heap.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What Longhaul's layers cost, and what they are worth, beside their peers
#[derive(Debug, Parser)]
#[command(name = "longhaul-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What each layer and each peer costs per operation: time, instructions, allocations
    Cost(cost::Options),
    /// Bytes and time of operations that are pending at once
    InFlight(in_flight::Options),
    /// Reading the workload out of small and large bodies
    Workload(workload::Options),
    /// One client on real sockets, with and without the stack
    Wire(wire::Options),
    /// The gateway beside a bare proxy of hyper's and nginx, each in a process of its own
    Gateway(gateway::Options),
    /// The durable ledger: attempts a second, and reports over ten million of them
    Ledger(ledger::Options),
    /// Pictures, money and time under recorded incidents, by policy
    Outcomes(outcomes::Options),
    /// Mixed load with faults for a while: nothing may grow
    Soak(soak::Options),
    /// All of it, written to BENCHMARKS.md with its plots
    Report(report::Options),
}

fn main() -> ExitCode {
    let done: Result<(), Box<dyn Error>> = match Arguments::parse().command {
        Command::Cost(options) => cost::run(&options),
        Command::InFlight(options) => in_flight::run(&options),
        Command::Workload(options) => workload::run(&options),
        Command::Wire(options) => wire::run(&options),
        Command::Gateway(options) => gateway::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Outcomes(options) => outcomes::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Report(options) => report::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longhaul-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
