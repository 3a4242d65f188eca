use std::collections::HashSet;

use longhaul::billing::Opening;
use longhaul_ledger::{EntryId, LedgerError, Store, TaskHandle};

/// A task that was left open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    handle: TaskHandle,
    opening: Option<Opening>,
}

/// The tasks in `store` that nobody asks after: open ones whose attempt has ended, as those of a process that is gone have
/// once its entries are recovered.
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
    pub const fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// Names the files that hold its answer: the id of its operation and the attempt's number.
    pub fn name(&self) -> String {
        match &self.opening {
            Some(opening) => format!("{}-{}", opening.operation, opening.attempt),
            None => format!("entry-{}", self.handle.entry),
        }
    }

    /// The host that it is asked after at, with its port where that is not the usual one.
    pub fn host(&self) -> Option<String> {
        let authority = crate::config::authority(self.handle.poll_url.as_deref()?);
        (!authority.is_empty()).then_some(authority)
    }
}
