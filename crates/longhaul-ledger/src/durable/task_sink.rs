//! What becomes of an attempt's task, kept under its entry.
//!
//! The tracker hands the ledger an attempt, the ledger puts this sink on it, and the layer that submits tasks finds it
//! there. So neither that layer nor the tracker knows what a ledger of tasks is, and an attempt without a ledger has no
//! sink.
//!
//! Two of the calls are waited for, because bytes depend on them: the note before a submit leaves, and the handle
//! before the first poll. The other two come from destructors and wait for nothing.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use longhaul::{
    attempt::{self, TaskAnswer, TaskEnd, TaskNoted, TaskSink},
    billing::Closing,
};

use super::{
    batch::Closed,
    entry::Entry,
    queue::{Message, Queue},
    task::{TaskHandle, TaskNote, TaskState},
};
use crate::{period, store::EntryId};

/// Keeps the task of one entry.
///
/// It holds the entry itself, and not only its id: what a later attempt collects is written with the opening of the
/// first.
pub(super) struct EntryTasks {
    queue: Queue,
    entry: Arc<Entry>,
}

impl EntryTasks {
    pub(super) const fn new(queue: Queue, entry: Arc<Entry>) -> Self {
        Self { queue, entry }
    }

    fn id(&self) -> EntryId {
        EntryId(self.entry.id)
    }

    fn handle(&self, task: &attempt::TaskHandle, state: TaskState) -> TaskHandle {
        let mut handle = TaskHandle::new(self.id(), &*task.dialect, &*task.id);
        handle.poll_url = (!task.poll_url.is_empty()).then(|| (&*task.poll_url).into());
        let expires = task.expires.map(Duration::from_secs);
        handle.expires_at = expires.and_then(|expires| SystemTime::UNIX_EPOCH.checked_add(expires));
        handle.state = state;
        handle
    }

    /// Whether it was handed over. A ledger that was closed meanwhile finds the task open at the next start, and it is asked
    /// after once more.
    fn send(&self, note: TaskNote) -> bool {
        self.queue.send(Message::task(note)).is_ok()
    }
}

/// A task that the provider no longer knows is expired: whether it ran out or was lost there, asking again is of no
/// use.
const fn state(end: TaskEnd) -> TaskState {
    match end {
        TaskEnd::Collected => TaskState::Collected,
        TaskEnd::Lost => TaskState::Expired,
        _ => TaskState::Failed,
    }
}

impl TaskSink for EntryTasks {
    fn submits(&self, dialect: Option<&str>) -> TaskNoted {
        let note = TaskNote::Submit {
            entry: self.id(),
            dialect: dialect.map(Into::into),
            at: period::now(),
        };
        let queue = self.queue.clone();
        Box::pin(async move { Ok(queue.note(note).await?) })
    }

    fn note(&self, task: &attempt::TaskHandle) -> TaskNoted {
        let handle = self.handle(task, TaskState::Open);
        let queue = self.queue.clone();
        Box::pin(async move {
            handle.check()?;
            Ok(queue.note(TaskNote::Handle(handle)).await?)
        })
    }

    fn ended(&self, task: &attempt::TaskHandle, end: TaskEnd) {
        self.send(TaskNote::Handle(self.handle(task, state(end))));
    }

    /// The closing's duration is counted from the opening of the entry that submitted: what the later attempt measured
    /// is only its own part. `false`, where the ledger was closed meanwhile, leaves the task open for the next start.
    fn collected(&self, task: &attempt::TaskHandle, end: TaskEnd, answer: &TaskAnswer) -> bool {
        let mut closing = Closing::of_task(answer);
        let began = self.entry.opening.opened_at;
        let lasted = closing.closed_at.duration_since(began);
        closing.outcome.duration = lasted.unwrap_or_default();
        self.send(TaskNote::Known {
            handle: self.handle(task, state(end)),
            known: Closed {
                entry: self.entry.clone(),
                closing: Box::new(closing),
            },
        })
    }
}

impl fmt::Debug for EntryTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryTasks")
            .field("entry", &self.entry.id)
            .finish_non_exhaustive()
    }
}
