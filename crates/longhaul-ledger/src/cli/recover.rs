//! `recover`: closes the attempts whose process died.

use super::{Common, Ending, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) async fn run(_common: &Common, _options: &Options) -> Result<Ending, Failure> {
    Err(Failure::usage("nothing can be recovered yet"))
}
