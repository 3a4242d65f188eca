//! Tasks: generations that were submitted to a provider and are collected by polling.
//!
//! A call that is answered with an id at once leaves no line silent for minutes, and survives a crash: whoever has the handle
//! can ask again. In exchange, money may be charged before anything of the answer is seen. So the order is fixed: note that a
//! submit leaves, submit, note the handle durably, poll.

mod noting;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::StatusCode;

use super::{facts::AttemptFacts, shielded};
use crate::model::{Class, Evidence, Outcome};

type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// What is needed to collect a task: enough for another process, and nothing that must be kept secret.
///
/// A task that nobody collects is paid for and lost. So the handle is written down before the first poll, and whoever comes
/// next, another process or another day, asks with it and with a key of its own.
///
/// ```
/// use longhaul::attempt::TaskHandle;
///
/// let handle = TaskHandle::new("ark", "cgt-1", "https://ark.example.com/v3/tasks/cgt-1", None);
/// let written = serde_json::to_string(&handle)?;
/// assert_eq!(serde_json::from_str::<TaskHandle>(&written)?, handle);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// It holds no key: whoever collects the task sends a key of its own. A `poll_url` is used with a key only where the submit went
/// to the same origin, or where the policy lists the origin.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The name of the dialect in which the provider is asked.
    pub dialect: Box<str>,
    /// The provider's own name for the task, as its answer to the submit has it.
    pub id: Box<str>,
    /// Where it is polled, with the key of whoever submitted it; empty where nobody may send a key there.
    pub poll_url: Box<str>,
    /// When the provider forgets it, in seconds since 1970, where that is known.
    pub expires: Option<u64>,
}

/// How a task ended.
///
/// All three are final: a handle that ended so is not asked for again. A poll that fails is no end.
///
/// ```
/// use longhaul::attempt::TaskEnd;
///
/// /// Whether the provider still owes something for it.
/// fn is_owed(end: Option<TaskEnd>) -> bool {
///     match end {
///         None => true, // it runs, or nobody has asked
///         Some(TaskEnd::Collected) => false,
///         Some(_) => true, // failed or lost: to be looked up in the provider's log
///     }
/// }
/// assert!(is_owed(Some(TaskEnd::Lost)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TaskEnd {
    /// Its answer was collected.
    Collected,
    /// The provider says that it failed.
    Failed,
    /// The provider does not know it any more.
    Lost,
}

/// What became known of an attempt that had submitted a task, when a later one collected it.
///
/// It goes into the entry of the attempt that submitted the task, since that is the one that is charged.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TaskAnswer {
    /// What it means, and what the task cost. The duration is that of the later attempt.
    pub outcome: Outcome,
    /// The status that the task was answered with, if it was.
    pub status: Option<StatusCode>,
    /// What the answer says of itself.
    pub evidence: Evidence,
}

/// Ends when a note is durable.
pub type TaskNoted = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send>>;

/// Where handles are kept, so that no crash loses what was paid for.
///
/// A ledger that keeps them puts a sink for its entry on the attempt when it opens that, by
/// [`Attempt::set_task_sink`](super::Attempt::set_task_sink).
///
/// All notes of one entry have to be applied in the order of the calls, as with [`Ledger`](crate::billing::Ledger): a handle
/// that overtakes the opening of its entry belongs to nothing. A note that fails stops nothing: the submit leaves and the
/// task is polled all the same, since it is paid for. What is lost is that another process could collect it.
pub trait TaskSink: Send + Sync + fmt::Debug {
    /// Notes that a submit leaves now, in the dialect of this name; the submit waits for the future's end. Where its answer is
    /// never seen, somebody can still ask the provider what came of it. `None` takes the note back: no task was begun.
    fn submits(&self, dialect: Option<&str>) -> TaskNoted;

    /// Notes a task that was submitted. The first poll waits for the future's end.
    fn note(&self, handle: &TaskHandle) -> TaskNoted;

    /// Notes how it ended. Must neither block nor panic: it is called where the attempt ends, from destructors too. Of a
    /// task that has not ended nothing is said: it stays open.
    fn ended(&self, handle: &TaskHandle, end: TaskEnd);

    /// Notes how it ended, and what is known by that of the attempt that submitted it: a later attempt collected it, which
    /// costs nothing of its own. As little as [`ended`](Self::ended) may it block or panic.
    ///
    /// Returns whether the entry of the attempt that submitted it has what is known: the later attempt then needs none of
    /// its own.
    fn collected(&self, handle: &TaskHandle, end: TaskEnd, answer: &TaskAnswer) -> bool;
}

/// The task of an attempt, and where its handle is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskFacts {
    sink: Option<Arc<dyn TaskSink>>,
    handle: Option<Arc<TaskHandle>>,
    end: Option<TaskEnd>,
    /// Another attempt submitted it, and what it costs is in the books of that one.
    is_anothers: bool,
    /// Where the attempt's own handles are kept, while it collects another's.
    own_sink: Option<Arc<dyn TaskSink>>,
    /// All that is known of the attempt is in the entry of the one that submitted its task.
    in_earlier_entry: bool,
}

impl TaskHandle {
    /// A handle that was written down.
    ///
    /// ```
    /// use longhaul::attempt::TaskHandle;
    ///
    /// // Read back from a table of one's own after a restart.
    /// let handle = TaskHandle::new("wavespeed", "pred-7", "https://api.example.com/v3/predictions/pred-7", Some(1_800_000_000));
    /// assert_eq!((&*handle.dialect, &*handle.id), ("wavespeed", "pred-7"));
    /// ```
    pub fn new(
        dialect: impl Into<Box<str>>,
        id: impl Into<Box<str>>,
        poll_url: impl Into<Box<str>>,
        expires: Option<u64>,
    ) -> Self {
        Self {
            dialect: dialect.into(),
            id: id.into(),
            poll_url: poll_url.into(),
            expires,
        }
    }
}

impl TaskFacts {
    pub(super) const fn set_in_earlier_entry(&mut self) {
        self.in_earlier_entry = true;
    }

    /// Whether a task was noted, and has not ended.
    pub(super) const fn is_open(&self) -> bool {
        self.handle.is_some() && self.end.is_none()
    }

    /// Whether a task was noted, and has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.handle.is_some() && self.end.is_some()
    }

    /// Whether another attempt submitted it.
    pub(super) const fn is_anothers(&self) -> bool {
        self.is_anothers
    }

    /// Says how it ended, if it did; to the books of another attempt with what is known by that. Returns whether an entry of
    /// another attempt has all that is known of this one.
    pub(super) fn tell_end(&self, answer: Option<&TaskAnswer>) -> bool {
        let (Some(sink), Some(handle)) = (&self.sink, &self.handle) else {
            return false;
        };
        match (self.end, answer) {
            // It is open, and stays so under the other's entry.
            (None, answer) => answer.is_some(),
            (Some(end), Some(answer)) => {
                shielded(|| sink.collected(handle, end, answer)).unwrap_or(false)
            }
            (Some(end), None) => {
                shielded(|| sink.ended(handle, end));
                false
            }
        }
    }
}

impl AttemptFacts {
    /// What its end says of the attempt that submitted the task, where that was another.
    pub(super) fn task_answer(&self, outcome: Outcome, class: Class) -> Option<TaskAnswer> {
        self.task.is_anothers().then(|| TaskAnswer {
            outcome: Outcome {
                exposure: self.exposure_of_work(class),
                ..outcome
            },
            status: self.head.map(|head| head.status),
            evidence: self.evidence(),
        })
    }
}

#[cfg(test)]
mod tests;
