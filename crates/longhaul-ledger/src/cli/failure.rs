//! How a command ends.
//!
//! Two kinds of failures differ in what a script should do. With 2 the command was wrong and did nothing; with 1 it
//! began, and stderr says what stands.

use std::{error::Error, fmt, io, process::ExitCode};

use longhaul_ledger::{LedgerError, LedgerErrorKind};

use super::output::say;

/// A command that did what it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Done.
    Done,
    /// Done, and there is something that a script should know: see the exit codes.
    Noted,
    /// Done as far as it goes: the ledger is damaged, and that was said.
    Damaged,
}

impl Ending {
    /// Whether there was anything.
    pub(crate) const fn of(found: bool) -> Self {
        if found { Self::Done } else { Self::Noted }
    }
}

/// Why a command did not.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// The ledger, or a file that was to be read.
    Ledger(LedgerError),
    /// Input or output, of a command that changes nothing.
    Io(io::Error),
    /// Output, of one that does; with what became of its effect.
    Output(io::Error, String),
}

impl Failure {
    pub(crate) fn usage(why: impl Into<String>) -> Self {
        Self::Usage(why.into())
    }

    /// A text that names no ledger, and a setting that cannot work, count as wrong arguments, also where the library
    /// found them.
    fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) => true,
            Self::Ledger(error) => matches!(
                error.kind(),
                LedgerErrorKind::Location { .. } | LedgerErrorKind::Setting { .. }
            ),
            Self::Io(_) | Self::Output(..) => false,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => f.write_str(why),
            Self::Io(error) => fmt::Display::fmt(error, f),
            Self::Output(error, stands) => write!(f, "{error}; {stands}"),
            Self::Ledger(error) => {
                let mut said = error.to_string();
                let mut source = error.source();
                while let Some(cause) = source {
                    let text = cause.to_string();
                    // Some causes say again what is behind them.
                    if !said.contains(&text) {
                        said = format!("{said}: {text}");
                    }
                    source = cause.source();
                }
                f.write_str(&said)
            }
        }
    }
}

/// Says what went wrong, if anything did.
///
/// The codes are those that `--help` lists.
pub(crate) fn exit_code(ended: Result<Ending, Failure>) -> ExitCode {
    let code = match ended {
        Ok(Ending::Done) => 0,
        Ok(Ending::Noted) => 3,
        Ok(Ending::Damaged) => 1,
        // `… | head`: whoever reads has enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(failure) => {
            say(format_args!("longhaul-ledger: {failure}"));
            if failure.is_usage() { 2 } else { 1 }
        }
    };
    ExitCode::from(code)
}
