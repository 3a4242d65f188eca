//! What is left open: tasks whose handle is open in the ledger and whose attempt has ended. A task whose attempt runs
//! is being polled by the call itself, here or in another process, and must not be closed under it.

use std::collections::HashSet;

use longhaul::billing::Opening;
use longhaul_ledger::{EntryId, LedgerError, Store, TaskHandle};

/// A task that was left open: its handle, and what the ledger has of the attempt that submitted it.
///
/// [`left_open`] finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    handle: TaskHandle,
    opening: Option<Opening>,
}

/// The tasks in `store` that nobody asks after: their handle is open, and their attempt has ended. The attempts of a
/// process that is gone have an end once its entries are recovered ([`longhaul_ledger::recover`], or opening the
/// ledger anew).
///
/// It only reads, and may be asked as often as wanted: the ledger of a fleet has the same answer for all.
///
/// # Errors
///
/// What the ledger says.
pub async fn left_open(store: &Store) -> Result<Vec<Left>, LedgerError> {
    let tasks = store.open_tasks().await?;
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let running = store.running().await?;
    let running: HashSet<EntryId> = running.into_iter().map(|stored| stored.id).collect();
    let mut left = Vec::new();
    for handle in tasks {
        if !running.contains(&handle.entry) {
            let entry = store.entry(handle.entry).await?;
            let opening = entry.map(|stored| stored.record.opening);
            left.push(Left { handle, opening });
        }
    }
    Ok(left)
}

impl Left {
    /// What the provider knows it by.
    pub const fn handle(&self) -> &TaskHandle {
        &self.handle
    }

    /// What was written down of the attempt that submitted it.
    ///
    /// `None` where the ledger has the handle and no longer the entry.
    pub const fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// Names the files that hold its answer: the id of its operation and the attempt's number.
    ///
    /// It is the operation's id in the ledger, not the public name with `op_` before it.
    pub fn name(&self) -> String {
        match &self.opening {
            Some(opening) => format!("{}-{}", opening.operation, opening.attempt),
            None => format!("entry-{}", self.handle.entry),
        }
    }

    /// The host that it is asked after at, with its port where that is not the usual one.
    ///
    /// `None` where the handle has no URL to ask at.
    pub fn host(&self) -> Option<String> {
        let authority = crate::config::authority(self.handle.poll_url.as_deref()?);
        (!authority.is_empty()).then_some(authority)
    }
}
