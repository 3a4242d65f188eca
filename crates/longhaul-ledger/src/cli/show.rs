//! `show`: one operation with all its attempts.
//!
//! The id is what an error of the layers names. So a failed call in a log leads to what it may have cost.

use longhaul::OperationId;
use longhaul_ledger::Filter;

use super::{Common, Ending, Failure, list, output::say};

#[derive(Debug, clap::Args)]
pub(crate) struct ShowOptions {
    /// The operation's id, as `list` and every error of the layers name it
    operation: OperationId,
}

pub(crate) async fn run(common: &Common, options: &ShowOptions) -> Result<Ending, Failure> {
    let store = common.reader().await?;
    let filter = Filter::of_operation(options.operation);
    let found = list::scan(common, &store, &filter).await?;
    if found == 0 {
        let operation = options.operation;
        say(format_args!("no attempt of {operation} is in the ledger"));
    }
    Ok(Ending::of(found > 0))
}
