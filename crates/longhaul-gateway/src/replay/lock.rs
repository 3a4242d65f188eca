//! Two processes on one SQLite file would each declare the other's running operations to be of unknown outcome when
//! they open it. This lock makes the mistake, a gateway started twice or `collect` beside a gateway, an error at the
//! start.
//!
//! It is a file lock of the system and no file whose existence says something: after a crash nothing is left to
//! remove by hand. On a network file system without locks it cannot protect anybody.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::index::is_postgres;
use crate::core::ConfigError;

/// Says that a `state` in a file is this process's alone. The system gives it back when the process ends, however it ends.
///
/// Whoever opens such a state takes what others left running for lost: two processes with one file would do so to each other.
/// [`Gateway::new`](crate::gateway::Gateway::new) takes no lock, so that a process may replace its gateway; the program does.
///
/// ```
/// use longhaul_gateway::replay::StateLock;
///
/// let folder = tempfile::tempdir()?;
/// let state = folder.path().join("gateway.db").display().to_string();
/// let lock = StateLock::take(&state)?;
/// assert!(StateLock::take(&state).is_err(), "one process at a time");
/// drop(lock);
/// assert!(StateLock::take(&state).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It holds for this process and for a second one on the same machine. It does not protect a ledger's file, which has
/// its own.
#[derive(Debug)]
#[must_use = "given back when it is dropped"]
pub struct StateLock {
    /// Open as long as the lock is held; `None` where none is needed.
    _file: Option<File>,
}

impl StateLock {
    /// Takes the lock of `state`, as the configuration names it: a file beside it whose name ends in `.lock`. None is needed
    /// of a state in memory, or in PostgreSQL, which is made to be shared. The file stays when the lock is given
    /// back.
    ///
    /// ```
    /// use longhaul_gateway::replay::StateLock;
    ///
    /// // Gateways of a fleet: each takes it, and none is in the way of another.
    /// let (one, other) = (StateLock::take("postgres://db/state")?, StateLock::take("postgres://db/state")?);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// About `state`, where another process has it, where the file beside it cannot be opened, and where its file
    /// system knows no locks. It does not wait.
    pub fn take(state: &str) -> Result<Self, ConfigError> {
        if state == "memory" || is_postgres(state) {
            return Ok(Self { _file: None });
        }
        let path = format!("{state}.lock");
        let refused = |why: String| ConfigError::new("state", format!("{state}: {why}"));
        let file = open(path.as_ref())
            .map_err(|error| refused(format!("its lock {path} cannot be opened: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(refused(
                "another process has it: a gateway that runs, or that is being collected for"
                    .to_owned(),
            )),
            Err(TryLockError::Error(error)) => {
                Err(refused(format!("it cannot be locked: {error}")))
            }
        }
    }
}

/// Never shortened: it may be another process's at this moment.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_in_a_file_is_one_process_s_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("gateway.db").display().to_string();
        let lock = StateLock::take(&state).unwrap();
        let refused = StateLock::take(&state).unwrap_err();
        assert!(
            refused.to_string().contains("another process has it"),
            "{refused}"
        );
        drop(lock);
        drop(StateLock::take(&state).unwrap());
        for shared in ["memory", "postgres://localhost/state"] {
            let both = (StateLock::take(shared), StateLock::take(shared));
            assert!(both.0.is_ok() && both.1.is_ok(), "{shared}");
        }
    }
}
