//! `prune`: removes a month that has ended.
//!
//! There is no way to remove without a file: what was paid for should be findable for as long as somebody may ask.
//! Unfinished exports are put in order first, since their claims decide what stays.

use std::path::PathBuf;

use longhaul_ledger::{claims::ClaimBook, month};

use super::{Common, Ending, Failure, Output, output::say};

#[derive(Debug, clap::Args)]
pub(crate) struct PruneOptions {
    /// The month, e.g. 2026-01
    #[arg(long, value_name = "YYYY-MM")]
    month: String,
    /// The folder for the file into which everything is written before it is removed
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A file of rules instead of the built-in ones: what has an open claim stays
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

/// Where stdout fails the month is removed all the same, and stderr says how much.
pub(crate) async fn run(common: &Common, options: &PruneOptions) -> Result<Ending, Failure> {
    let month = month(&options.month)?;
    let book = match &options.rules {
        Some(path) => ClaimBook::load(path)?,
        None => ClaimBook::default(),
    };
    let store = common.writer().await?;
    for finished in store.finish_exports().await? {
        super::export::say_finished(&finished);
    }
    let zone = common.zone();
    let pruned = store.prune(&book, month, &zone, &options.out).await?;
    let stands = format!(
        "{} attempts were removed, {} stay: they have open claims, run, or are not understood",
        pruned.removed, pruned.kept
    );
    let mut output = Output::new();
    let said = match &pruned.file {
        _ if common.json() => output.json(&pruned),
        Some(file) => output.line(file.display()),
        None => Ok(()),
    };
    said.and_then(|()| output.end())
        .map_err(|error| Failure::Output(error, stands.clone()))?;
    say(stands);
    Ok(Ending::of(pruned.removed > 0))
}
