//! The handle of an attempt's task, kept under its entry.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use longhaul::attempt::{self, TaskEnd, TaskNoted, TaskSink};

use super::{
    queue::{Message, Queue, Waiting},
    task::{TaskHandle, TaskState},
};
use crate::{error::LedgerErrorKind, store::EntryId};

/// Keeps the task of one entry.
pub(super) struct EntryTasks {
    queue: Queue,
    entry: EntryId,
}

impl EntryTasks {
    pub(super) const fn new(queue: Queue, entry: EntryId) -> Self {
        Self { queue, entry }
    }

    fn handle(&self, task: &attempt::TaskHandle, state: TaskState) -> TaskHandle {
        let mut handle = TaskHandle::new(self.entry, &*task.dialect, &*task.id);
        handle.poll_url = Some((&*task.poll_url).into());
        let expires = task.expires.map(Duration::from_secs);
        handle.expires_at = expires.and_then(|expires| SystemTime::UNIX_EPOCH.checked_add(expires));
        handle.state = state;
        handle
    }
}

impl TaskSink for EntryTasks {
    fn note(&self, task: &attempt::TaskHandle) -> TaskNoted {
        let handle = self.handle(task, TaskState::Open);
        let queue = self.queue.clone();
        Box::pin(async move {
            handle.check()?;
            let (waiting, written) = Waiting::now();
            queue.send(Message::Task {
                handle: Box::new(handle),
                waiting: Some(waiting),
            })?;
            let closed = |_| Err(LedgerErrorKind::Closed.into());
            Ok(written.await.unwrap_or_else(closed)?)
        })
    }

    fn ended(&self, task: &attempt::TaskHandle, end: TaskEnd) {
        let state = match end {
            TaskEnd::Collected => TaskState::Collected,
            TaskEnd::Lost => TaskState::Expired,
            _ => TaskState::Failed,
        };
        // A ledger that was closed meanwhile finds the task open at the next start, and it is asked after once more.
        let _ = self.queue.send(Message::Task {
            handle: Box::new(self.handle(task, state)),
            waiting: None,
        });
    }
}

impl fmt::Debug for EntryTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryTasks")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
