use std::{error::Error, fmt, io, path::PathBuf};

use longhaul_ledger::LedgerError;
use longhaul_providers::tasks::TaskError;

use crate::core::ConfigError;

/// Why a task was not collected. Its handle stays open.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// The handle does not say where the task is asked after.
    NoPollUrl,
    /// The policy has no such dialect, or no client can be made.
    Config(ConfigError),
    /// The provider does not let the key ask after it, or its answer cannot be taken.
    Task(TaskError),
    /// The answer cannot be written down.
    File {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What became of it cannot be written into the ledger; its answer is in the folder.
    Ledger(LedgerError),
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPollUrl => f.write_str(
                "the ledger does not say where the task is asked after: look for it at the provider by its id",
            ),
            Self::Config(error) => error.fmt(f),
            Self::Task(error) => error.fmt(f),
            Self::File { folder, source } => write!(
                f,
                "its answer is there and cannot be written into {}: {source}; the task stays open",
                folder.display()
            ),
            Self::Ledger(error) => write!(
                f,
                "its answer is in the folder, and the ledger still has the task as open: {error}"
            ),
        }
    }
}

impl Error for CollectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoPollUrl => None,
            Self::Config(error) => Some(error),
            Self::Task(error) => Some(error),
            Self::File { source, .. } => Some(source),
            Self::Ledger(error) => Some(error),
        }
    }
}

impl From<ConfigError> for CollectError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
