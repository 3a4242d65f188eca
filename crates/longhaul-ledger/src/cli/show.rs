//! `show`: one operation with all its attempts.

use longhaul::OperationId;

use super::{Common, Ending, Failure, list};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The operation's id, as `list` and every error of the layers name it
    operation: OperationId,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<Ending, Failure> {
    let found = common.store().await?.operation(options.operation).await?;
    list::write(common, &found)?;
    if found.is_empty() {
        eprintln!("no attempt of {} is in the ledger", options.operation);
    }
    Ok(Ending::of(!found.is_empty()))
}
