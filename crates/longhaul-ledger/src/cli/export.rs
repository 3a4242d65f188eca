//! `export`: claims for a provider's support.
//!
//! Claims are marked as exported only where they can reach somebody: written to files in a folder, or to a stdout that
//! exists and took everything. The default marks nothing, so that a look costs no claim. `tests/cli/effects.rs` runs it
//! with stdouts of all kinds.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use longhaul_ledger::{
    Store,
    claims::{ClaimState, FoundClaim},
    export::{Finished, Format},
};

use super::{
    Common, Ending, Failure, Output,
    claims::{Wanted, now, say_withheld},
    output::say,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ExportOptions {
    #[command(flatten)]
    wanted: Wanted,
    /// The folder for the files, one for each provider and month; their claims count as exported then
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How to write; JSON Lines with --json, else CSV
    #[arg(long, value_enum)]
    format: Option<FileKind>,
    /// Leave out what the provider's own log has to decide
    #[arg(long)]
    eligible_only: bool,
    /// Those too that were exported before and not paid; their time begins anew
    #[arg(long)]
    again: bool,
    /// Without --out: the claims that are written to stdout count as exported
    #[arg(long, conflicts_with_all = ["out", "dry_run"])]
    mark: bool,
    /// To stdout, and the claims stay as they are: the same as without --out and --mark
    #[arg(long, conflicts_with = "out")]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum FileKind {
    Csv,
    Jsonl,
}

impl ExportOptions {
    /// What was credited is never exported again, whatever was asked for.
    fn takes(&self, claim: &FoundClaim) -> bool {
        match claim.state {
            ClaimState::Eligible => true,
            ClaimState::Verify => !self.eligible_only,
            ClaimState::Exported | ClaimState::Overdue | ClaimState::Denied => self.again,
            _ => false,
        }
    }

    /// `--json` is about what goes to stdout: with `--out` that is the list of files, and the files stay CSV unless
    /// `--format` says otherwise.
    fn format(&self, common: &Common) -> Format {
        match self.format {
            Some(FileKind::Csv) => Format::Csv,
            Some(FileKind::Jsonl) => Format::JsonLines,
            None if common.json() && self.out.is_none() => Format::JsonLines,
            None => Format::Csv,
        }
    }
}

/// Exports that were cut off are put in order first: what was undone is then among the claims that are found.
pub(crate) async fn run(common: &Common, options: &ExportOptions) -> Result<Ending, Failure> {
    let marks = options.mark || options.out.is_some();
    let store = if marks {
        let store = common.writer().await?;
        for finished in store.finish_exports().await? {
            say_finished(&finished);
        }
        store
    } else {
        common.reader().await?
    };
    let found = options.wanted.find(common, &store).await?;
    say_withheld(&found.withheld);
    let claims: Vec<_> = found
        .claims
        .iter()
        .filter(|claim| options.takes(claim))
        .collect();
    if claims.is_empty() {
        say("no claim to export");
        return Ok(Ending::Noted);
    }
    match &options.out {
        Some(folder) => to_files(common, options, &store, &claims, folder).await?,
        None => to_stdout(common, options, &store, &claims).await?,
    }
    let number = claims.len();
    if marks {
        say(format_args!("{number} claims"));
    } else {
        say(format_args!(
            "{number} claims; none counts as exported: --out FOLDER or --mark do that"
        ));
    }
    Ok(Ending::Done)
}

/// Where the list of files cannot be shown the claims are exported all the same, and the failure says so.
async fn to_files(
    common: &Common,
    options: &ExportOptions,
    store: &Store,
    claims: &[&FoundClaim],
    folder: &Path,
) -> Result<(), Failure> {
    let format = options.format(common);
    let written = store
        .export(claims, folder, format, now(), options.again)
        .await?;
    let mut output = Output::new();
    let said = (|| {
        for file in &written {
            if common.json() {
                output.json(file)?;
            } else {
                output.line(file.file.display())?;
            }
        }
        output.end()
    })();
    said.map_err(|error| {
        let number = claims.len();
        let stands = format!(
            "{number} claims are exported all the same, to {}",
            folder.display()
        );
        Failure::Output(error, stands)
    })
}

/// Written first, and only then marked.
///
/// A reader that has enough is a failure where claims are to be marked: it may have had half of them.
async fn to_stdout(
    common: &Common,
    options: &ExportOptions,
    store: &Store,
    claims: &[&FoundClaim],
) -> Result<(), Failure> {
    const NONE: &str = "no claim counts as exported";

    if options.mark && leads_nowhere() {
        let why = format!("stdout is closed or leads nowhere; {NONE}");
        return Err(Failure::Io(io::Error::other(why)));
    }
    let mut output = Output::new();
    let format = options.format(common);
    let written = format.write(claims.iter().copied(), &mut output);
    match written.and_then(|()| output.end()) {
        Ok(()) => {}
        // Not even a reader who has enough is well served here.
        Err(error) if options.mark => return Err(Failure::Output(error, NONE.to_owned())),
        Err(error) => return Err(error.into()),
    }
    if options.mark {
        store.mark_exported(claims, now(), options.again).await?;
    }
    Ok(())
}

/// Whether nobody can have what is written to stdout: a program that was given none has a null device there.
///
/// Where stdout cannot be looked at, it counts as leading nowhere: a claim that is marked and that nobody has would
/// never be sent.
fn leads_nowhere() -> bool {
    #[cfg(unix)]
    {
        use std::os::{
            fd::AsFd as _,
            unix::fs::{FileTypeExt as _, MetadataExt as _},
        };

        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let about = stdout.and_then(|stdout| File::from(stdout).metadata());
        let nowhere = fs::metadata("/dev/null");
        match (about, nowhere) {
            (Ok(about), Ok(nowhere)) => {
                about.file_type().is_char_device() && about.rdev() == nowhere.rdev()
            }
            (Err(_), _) => true,
            _ => false,
        }
    }
    #[cfg(not(unix))]
    false
}

/// Says what became of an export that was cut off. The names of its files are said here, since the process that wrote
/// the files perhaps did not come so far.
pub(super) fn say_finished(finished: &Finished) {
    match finished {
        Finished::Finished { files } => {
            for file in files {
                let file = file.display();
                say(format_args!("finished an export that was cut off: {file}"));
            }
        }
        Finished::Undone { folder } => say(format_args!(
            "undid an export to {} that was cut off; its claims are exported now where they are asked for",
            folder.display()
        )),
        Finished::Elsewhere { folder } => say(format_args!(
            "an export to {} was cut off, and this folder is not here: run an export where it is",
            folder.display()
        )),
        _ => {}
    }
}
