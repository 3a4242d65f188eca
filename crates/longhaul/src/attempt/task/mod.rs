//! Tasks: generations that were submitted to a provider and are collected by polling.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::StatusCode;

use super::{Attempt, facts::AttemptFacts};
use crate::model::{Class, Evidence, Outcome, Probability};

type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// What is needed to collect a task: enough for another process, and nothing that must be kept secret.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The name of the dialect in which the provider is asked.
    pub dialect: Box<str>,
    /// The provider's id.
    pub id: Box<str>,
    /// Where it is polled, with the key of whoever submitted it; empty where nobody may send a key there.
    pub poll_url: Box<str>,
    /// When the provider forgets it, in seconds since 1970, where that is known.
    pub expires: Option<u64>,
}

/// How a task ended.
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
/// A ledger that keeps them puts a sink for its entry on the attempt when it opens that, by [`Attempt::set_task_sink`].
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
    fn collected(&self, handle: &TaskHandle, end: TaskEnd, answer: &TaskAnswer);
}

/// The task of an attempt, and where its handle is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskFacts {
    sink: Option<Arc<dyn TaskSink>>,
    handle: Option<Arc<TaskHandle>>,
    end: Option<TaskEnd>,
    /// Another attempt submitted it, and what it costs is in the books of that one.
    is_anothers: bool,
}

impl TaskHandle {
    /// A handle that was written down.
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

    /// Says how it ended, if it did; to the books of another attempt with what is known by that.
    pub(super) fn tell_end(&self, answer: Option<&TaskAnswer>) {
        let (Some(sink), Some(handle), Some(end)) = (&self.sink, &self.handle, self.end) else {
            return;
        };
        match answer {
            None => sink.ended(handle, end),
            Some(answer) => sink.collected(handle, end, answer),
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
            evidence: self.evidence.clone(),
        })
    }
}

impl Attempt {
    /// Sets where the handle of a task is kept, if the attempt submits one.
    pub fn set_task_sink(&self, sink: Arc<dyn TaskSink>) {
        self.facts().task.sink = Some(sink);
    }

    /// Notes that the attempt submits in the dialect of this name, or that it began no task after all, and ends when that is
    /// durable; at once where nobody keeps it.
    ///
    /// # Errors
    ///
    /// If the note could not be made durable.
    pub async fn note_submit(&self, dialect: Option<&str>) -> Result<(), SinkError> {
        let sink = self.facts().task.sink.clone();
        match sink.map(|sink| sink.submits(dialect)) {
            Some(noted) => noted.await,
            None => Ok(()),
        }
    }

    /// Notes that the attempt collects the task that `earlier` submitted, and submits none: what the task costs stays in the
    /// books of `earlier`, which are told how it ended.
    pub fn resume_task(&self, earlier: &Self) {
        let task = earlier.facts().task.clone();
        let mut facts = self.facts();
        facts.task = TaskFacts {
            end: None,
            is_anothers: true,
            ..task
        };
        facts.not_silent = true;
    }

    /// Notes that the attempt submitted a task, and ends when the handle is durable; at once where nobody keeps it.
    ///
    /// From then on only the deadline bounds the attempt, no attempt is made beside it, and the answer's head is that of
    /// the task's own answer.
    ///
    /// # Errors
    ///
    /// If the handle could not be made durable. The task runs all the same.
    pub async fn note_task(&self, handle: TaskHandle) -> Result<(), SinkError> {
        let noted = {
            let mut facts = self.facts();
            let handle = facts.task.handle.insert(Arc::new(handle)).clone();
            facts.task.end = None;
            facts.not_silent = true;
            facts.task.sink.clone().map(|sink| sink.note(&handle))
        };
        match noted {
            Some(noted) => noted.await,
            None => Ok(()),
        }
    }

    /// Notes how the task ended. The sink learns it when the attempt ends: until then a crash leaves the
    /// task open.
    pub fn note_task_end(&self, end: TaskEnd) {
        self.facts().task.end = Some(end);
    }

    /// The task that it submitted.
    pub fn task(&self) -> Option<TaskHandle> {
        self.facts().task.handle.as_deref().cloned()
    }

    /// Whether it submitted a task that has not ended, as far as is known.
    pub fn has_open_task(&self) -> bool {
        self.facts().task.is_open()
    }

    /// Notes that something keeps its line open while the model works: how it ends says nothing of how long the route lets
    /// a connection be silent.
    pub fn note_kept_open(&self) {
        self.facts().not_silent = true;
    }

    /// Notes drafts that came beside the answer, and may cost something of their own: they are counted with its
    /// [evidence](Self::evidence).
    pub fn note_previews(&self, previews: u32) {
        self.facts().previews = previews;
    }

    /// Takes back the head that came: it answered a question of the exchange, not the caller's.
    pub fn discard_head(&self) {
        self.facts().head = None;
    }

    /// Says how likely it was charged, where the provider's own rules say so. A word in the answer itself counts more.
    pub fn note_charged(&self, probability: Probability) {
        self.facts().charged = Some(probability);
    }

    /// Something that keeps the line open has stopped coming: the attempt goes on, and counts as [late](Self::is_late),
    /// if the layer above lets attempts be late.
    pub fn note_silence(&self) {
        if self.options().keep_late && self.options().deadline.is_some() {
            self.mark_late();
        }
    }
}

#[cfg(test)]
mod tests;
