//! Operations that are pending at once.
//!
//! Each measurement is a process of its own, so that its memory is nobody else's. Every operation has sent its
//! request and waits for an answer, with all timers of its layers armed.

mod crowd;
mod replay;
mod tables;

use std::error::Error;

use self::crowd::{Figures, Order};
use crate::{
    child,
    contenders::names,
    process,
    report::{Effort, Section},
};

/// Those that have something to hold.
const CONTENDERS: [&str; 5] = [
    names::BARE,
    names::TOWER_RETRY,
    names::RESILIENCE,
    names::TOWER_PARTS,
    names::STACK,
];

/// More than any of them needs for one operation, so that none is killed for want of memory.
const ROOM_EACH: usize = 8 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer operations
    #[arg(long)]
    quick: bool,
    /// Only this contender, in this process; the figures are printed as JSON
    #[arg(long, value_name = "NAME")]
    one: Option<String>,
    /// With --one: how many operations
    #[arg(long, default_value_t = 1000, requires = "one")]
    count: usize,
    /// With --one: in which order the operations finish
    #[arg(long, value_enum, default_value_t = Order::AsStarted, requires = "one")]
    order: Order,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(name) = &options.one {
        let figures = crowd::measure(name, options.count, options.order)?;
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    let effort = Effort::quick_if(options.quick);
    println!("{}", section(effort)?.markdown);
    Ok(())
}

/// One contender with so many operations, finished in either order.
#[derive(Debug)]
struct Crowd {
    name: &'static str,
    title: String,
    count: usize,
    as_started: Figures,
    at_random: Figures,
}

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let counts: &[usize] = effort.pick(&[1_000, 10_000], &[1_000, 10_000, 100_000, 1_000_000]);
    let mut crowds = Vec::new();
    let mut left_out = Vec::new();
    for &count in counts {
        let room = process::available().unwrap_or(usize::MAX);
        if count.saturating_mul(ROOM_EACH) > room {
            left_out.push(count);
            continue;
        }
        for name in CONTENDERS {
            let ask = |order: &str| {
                child::ask_on_warm_memory(&[
                    "in-flight",
                    "--one",
                    name,
                    "--count",
                    &count.to_string(),
                    "--order",
                    order,
                ])
            };
            let as_started: Figures = ask("as-started")?;
            crowds.push(Crowd {
                name,
                title: as_started.title.clone(),
                count,
                as_started,
                at_random: ask("at-random")?,
            });
        }
    }
    let replay = replay::measure(effort);
    Ok(tables::section(&crowds, &left_out, &replay))
}
