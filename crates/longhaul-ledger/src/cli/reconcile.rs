//! `reconcile`: the ledger beside a provider's own log.

use super::{Common, Ending, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) async fn run(_common: &Common, _options: &Options) -> Result<Ending, Failure> {
    Err(Failure::usage("no log can be read yet"))
}
