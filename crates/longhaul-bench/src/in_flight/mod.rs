use std::error::Error;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<(), Box<dyn Error>> {
    Err("not measured yet".into())
}
