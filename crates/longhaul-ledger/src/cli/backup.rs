//! `backup`: a whole copy of a ledger in a file.
//!
//! A reader is enough: a backup needs no right to write the ledger. A file that is there is never replaced, so that a
//! backup that runs every night under one name fails on the second night and does not destroy the first.

use std::path::PathBuf;

use super::{Common, Ending, Failure, output::say};

#[derive(Debug, clap::Args)]
pub(crate) struct BackupOptions {
    /// Where the copy goes; there must be no file yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

pub(crate) async fn run(common: &Common, options: &BackupOptions) -> Result<Ending, Failure> {
    let store = common.reader().await?;
    let bytes = store.backup(&options.to).await?;
    say(format_args!("{}: {bytes} bytes", options.to.display()));
    Ok(Ending::Done)
}
