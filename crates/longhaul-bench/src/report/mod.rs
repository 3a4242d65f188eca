//! Runs every benchmark and writes `BENCHMARKS.md`.

mod section;

pub(crate) use section::{Effort, Section};

use std::error::Error;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<(), Box<dyn Error>> {
    Err("not measured yet".into())
}
