//! The command line. Data goes to stdout, words go to stderr, and the exit code says how it ended.
//!
//! # Rules that hold for every command
//!
//! - What a command found goes to stdout, as a table or as JSON; everything that it says goes to stderr. So stdout can
//!   be piped.
//! - A command that changes the ledger says on stderr what stands, also where stdout failed: the change is made,
//!   whoever reads of it.
//! - Finding nothing is no failure: exit code 3, and stderr says where there is something.
//! - A reader that goes away (`… | head`) is no failure of a command that changes nothing.
//! - The runtime has one thread. A command waits for a database and computes little.
//!
//! The texts of `--help` are the comments of the options: a comment there is read by users, so reasons stand elsewhere.
//! `tests/cli` runs the program on both databases.

mod backup;
mod check;
mod claims;
mod empty;
mod export;
mod failure;
mod list;
mod output;
mod prune;
mod reconcile;
mod recover;
mod report;
mod selection;
mod show;
mod table;
mod tasks;

use std::{cell::Cell, ffi::OsString, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use jiff::tz::TimeZone;
use longhaul_ledger::{Access, Location, Store};

pub(crate) use self::{
    failure::{Ending, Failure},
    output::Output,
    selection::Selection,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed, or a file is not what it should be; stderr says why, and what stands all the same
  2  the arguments are wrong
  3  done, and nothing was found; of `reconcile`: log and ledger differ; of `recover`: attempts were found lost

Tables fit the terminal, or the variable COLUMNS.";

/// What was paid for, what of it never came, and what the provider owes back
#[derive(Debug, Parser)]
#[command(name = "longhaul-ledger", version, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The ledger: a file of SQLite's, or postgres://…
    #[arg(
        long,
        global = true,
        env = "LONGHAUL_LEDGER",
        hide_env_values = true,
        value_name = "PATH|URL"
    )]
    // Read only afterwards: what is wrong with it may hold a password, and is not repeated.
    ledger: Option<OsString>,
    /// Write JSON: one object, or one a line where there are many
    #[arg(long, global = true)]
    json: bool,
    /// Where days begin and how times are written, e.g. Asia/Shanghai; the default is UTC
    #[arg(long, global = true, value_name = "NAME", value_parser = selection::time_zone)]
    time_zone: Option<TimeZone>,
    /// How long a PostgreSQL server may say nothing
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Whether something that was confirmed cannot be read.
    #[arg(skip)]
    damaged: Cell<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The attempts, in the order of opening
    List(list::ListOptions),
    /// One operation with all its attempts
    Show(show::ShowOptions),
    /// What was paid for, and what of it was wasted
    Report(report::ReportOptions),
    /// What providers owe back, and what became of it
    Claims(claims::ClaimsOptions),
    /// Write claims for a provider's support, each once
    Export(export::ExportOptions),
    /// Compare the ledger with a provider's own log, and keep what the log says
    Reconcile(reconcile::ReconcileOptions),
    /// Close the attempts whose process died
    Recover(recover::RecoverOptions),
    /// What was submitted as a task, and has not ended or was lost
    Tasks(tasks::TasksOptions),
    /// Write a whole copy of a ledger in a file, also while others write into it
    Backup(backup::BackupOptions),
    /// Read everything, and count what is damaged
    Check(check::CheckOptions),
    /// Remove the attempts of a month that has ended, after they were written to a file
    Prune(prune::PruneOptions),
}

/// Runs the command line to its end.
///
/// The arguments are parsed before a runtime is made: `--help` and a wrong argument need none.
pub(crate) fn main() -> ExitCode {
    let CommandLine { common, command } = CommandLine::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(&common, command)),
        Err(error) => Err(error.into()),
    };
    failure::exit_code(ended)
}

/// Damage of the ledger's log counts for more than any other end: a script must not take a list with missing entries
/// for a whole one.
async fn run(common: &Common, command: Command) -> Result<Ending, Failure> {
    let ended = match command {
        Command::List(options) => list::run(common, &options).await,
        Command::Show(options) => show::run(common, &options).await,
        Command::Report(options) => report::run(common, &options).await,
        Command::Claims(options) => claims::run(common, &options).await,
        Command::Export(options) => export::run(common, &options).await,
        Command::Reconcile(options) => reconcile::run(common, &options).await,
        Command::Recover(options) => recover::run(common, &options).await,
        Command::Tasks(options) => tasks::run(common, &options).await,
        Command::Backup(options) => backup::run(common, &options).await,
        Command::Check(options) => check::run(common, &options).await,
        Command::Prune(options) => prune::run(common, &options).await,
    };
    match ended {
        Ok(_) if common.damaged.get() => Ok(Ending::Damaged),
        ended => ended,
    }
}

impl Common {
    /// Where the ledger is.
    ///
    /// Read here and not by the parser, whose error would print the text with the password in it.
    pub(crate) fn location(&self) -> Result<Location, Failure> {
        let given = self.ledger.as_ref().ok_or_else(|| {
            Failure::usage("say which ledger: --ledger PATH|URL, or LONGHAUL_LEDGER")
        })?;
        match given.to_str() {
            Some(text) => Ok(text.parse()?),
            // It can only be a file.
            None => Ok(Location::Sqlite(given.into())),
        }
    }

    /// The ledger, opened to read: nothing of it is changed.
    pub(crate) async fn reader(&self) -> Result<Store, Failure> {
        self.store(Access::Read).await
    }

    /// The ledger, opened to write into it what became of claims.
    pub(crate) async fn writer(&self) -> Result<Store, Failure> {
        self.store(Access::Write).await
    }

    /// Says at once what of the log cannot be read, before anything is shown that lacks it.
    async fn store(&self, access: Access) -> Result<Store, Failure> {
        if self.patience.is_zero() {
            return Err(Failure::usage("--patience must be longer than nothing"));
        }
        let store = Store::open_with(&self.location()?, access, self.patience).await?;
        let unread = store.unread_log();
        if unread.is_damage() {
            self.damaged.set(true);
            output::say(format_args!(
                "{} frames of the ledger's log cannot be read: what {} transactions wrote is missing here",
                unread.frames, unread.transactions
            ));
        }
        Ok(store)
    }

    /// Whether JSON is wanted.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Where days begin, if it was said.
    pub(crate) fn named_zone(&self) -> Option<&TimeZone> {
        self.time_zone.as_ref()
    }

    /// Where days begin.
    pub(crate) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or(TimeZone::UTC)
    }
}
