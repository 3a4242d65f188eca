//! Why a task stays open. Every message is whole for a person who reads one line of it: what is there, what is not,
//! and where to look.

use std::{error::Error, fmt, io, path::PathBuf};

use longhaul_ledger::LedgerError;
use longhaul_providers::tasks::TaskError;

use crate::core::ConfigError;

/// Why a task was not collected. Its handle stays open.
///
/// None of them loses anything: the same task can be collected again, after what the message names is mended.
///
/// ```
/// use longhaul_gateway::collect::CollectError;
///
/// let error = CollectError::NoPollUrl;
/// assert!(error.to_string().contains("look for it at the provider by its id"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// The handle does not say where the task is asked after.
    NoPollUrl,
    /// The policy has no such dialect, or no client can be made.
    Config(ConfigError),
    /// The provider refuses the key, or its answer cannot be taken: too long, or no answer of this dialect.
    Task(TaskError),
    /// The answer cannot be written down.
    File {
        /// The folder of the collector.
        folder: PathBuf,
        /// What the system says.
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
