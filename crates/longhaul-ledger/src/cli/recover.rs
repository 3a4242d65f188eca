//! `recover`: closes the attempts whose process died.

use super::{Common, Ending, Failure, list};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) async fn run(common: &Common, _options: &Options) -> Result<Ending, Failure> {
    let lost = longhaul_ledger::recover(common.location()?).await?;
    list::write(common, &lost)?;
    eprintln!("{} attempts were lost with their process", lost.len());
    Ok(if lost.is_empty() {
        Ending::Done
    } else {
        Ending::Noted
    })
}
