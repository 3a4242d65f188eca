//! `export`: claims for a provider's support.

use std::{io, path::PathBuf};

use clap::ValueEnum;
use longhaul_ledger::{
    claims::{ClaimState, FoundClaim},
    export::Format,
};

use super::{
    Common, Ending, Failure, Output,
    claims::{Wanted, now, say_withheld},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    wanted: Wanted,
    /// The folder for the files, one for each provider and month; without it, all goes to stdout
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How to write; JSON Lines with --json, else CSV
    #[arg(long, value_enum)]
    format: Option<Written>,
    /// Leave out what the provider's own log has to decide
    #[arg(long)]
    eligible_only: bool,
    /// Those too that were exported before and not paid; their time begins anew
    #[arg(long)]
    again: bool,
    /// Write, and leave the claims as if they had not been exported
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Written {
    Csv,
    Jsonl,
}

impl Options {
    fn takes(&self, claim: &FoundClaim) -> bool {
        match claim.state {
            ClaimState::Eligible => true,
            ClaimState::Verify => !self.eligible_only,
            ClaimState::Exported | ClaimState::Overdue | ClaimState::Denied => self.again,
            _ => false,
        }
    }

    fn format(&self, common: &Common) -> Format {
        match self.format {
            Some(Written::Csv) => Format::Csv,
            Some(Written::Jsonl) => Format::JsonLines,
            None if common.json() && self.out.is_none() => Format::JsonLines,
            None => Format::Csv,
        }
    }
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<Ending, Failure> {
    let store = common.store().await?;
    let found = options.wanted.find(common, &store).await?;
    say_withheld(&found.withheld);
    let claims: Vec<_> = found
        .claims
        .iter()
        .filter(|claim| options.takes(claim))
        .collect();
    if claims.is_empty() {
        eprintln!("no claim to export");
        return Ok(Ending::Noted);
    }
    let format = options.format(common);
    let mut output = Output::new();
    match &options.out {
        Some(folder) if options.dry_run => {
            let why = format!(
                "--dry-run writes to stdout only, not to {}",
                folder.display()
            );
            return Err(Failure::usage(why));
        }
        Some(folder) => {
            let written = store
                .export(&claims, folder, format, now(), options.again)
                .await?;
            for file in &written {
                if common.json() {
                    output.json(file)?;
                } else {
                    output.line(file.file.display())?;
                }
            }
            output.end()?;
        }
        None => {
            let written = format.write(claims.iter().copied(), &mut output);
            written.and_then(|()| output.end()).map_err(|error| {
                // Not even a reader who has enough is well served here.
                io::Error::other(format!("{error}; no claim counts as exported"))
            })?;
            if !options.dry_run {
                store.mark_exported(&claims, now(), options.again).await?;
            }
        }
    }
    eprintln!("{} claims", claims.len());
    Ok(Ending::Done)
}
