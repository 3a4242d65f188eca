//! Tasks: generations that were submitted to a provider and are collected by polling.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::Attempt;
use crate::model::Probability;

type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// What is needed to collect a task: enough for another process, and nothing that must be kept secret.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The name of the dialect in which the provider is asked.
    pub dialect: Box<str>,
    /// The provider's id.
    pub id: Box<str>,
    /// Where it is polled, with the key that submitted it.
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

/// Ends when a handle is durable.
pub type TaskNoted = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send>>;

/// Where handles are kept, so that no crash loses what was paid for.
///
/// A ledger that keeps them puts a sink for its entry on the attempt when it opens that, by [`Attempt::set_task_sink`].
pub trait TaskSink: Send + Sync + fmt::Debug {
    /// Notes a task that was submitted. The first poll waits for the future's end.
    fn note(&self, handle: &TaskHandle) -> TaskNoted;

    /// Notes how it ended. Must neither block nor panic: it is called where the attempt ends, from destructors too. Of a
    /// task that has not ended nothing is said: it stays open.
    fn ended(&self, handle: &TaskHandle, end: TaskEnd);
}

/// The task of an attempt, and where its handle is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskFacts {
    sink: Option<Arc<dyn TaskSink>>,
    handle: Option<Arc<TaskHandle>>,
    end: Option<TaskEnd>,
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

    /// Says how it ended, if it did.
    pub(super) fn tell_end(&self) {
        if let (Some(sink), Some(handle), Some(end)) = (&self.sink, &self.handle, self.end) {
            sink.ended(handle, end);
        }
    }
}

impl Attempt {
    /// Sets where the handle of a task is kept, if the attempt submits one.
    pub fn set_task_sink(&self, sink: Arc<dyn TaskSink>) {
        self.facts().task.sink = Some(sink);
    }

    /// Notes that the attempt submitted a task, and ends when the handle is durable; at once where there is no sink.
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
mod tests {
    use std::sync::Mutex;

    use http::{StatusCode, Version};

    use super::*;
    use crate::{
        attempt::OperationId,
        model::{Class, End},
    };

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<String>>);

    impl TaskSink for Kept {
        fn note(&self, handle: &TaskHandle) -> TaskNoted {
            self.0.lock().unwrap().push(format!("open {}", handle.id));
            Box::pin(async { Ok(()) })
        }

        fn ended(&self, handle: &TaskHandle, end: TaskEnd) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{end:?} {}", handle.id));
        }
    }

    fn attempt() -> (Attempt, Arc<Kept>) {
        let attempt = Attempt::new(OperationId::new(), 1, None);
        let kept = Arc::new(Kept::default());
        attempt.set_task_sink(kept.clone());
        (attempt, kept)
    }

    fn handle() -> TaskHandle {
        TaskHandle::new("relay", "t1", "https://relay.test/t1", None)
    }

    #[tokio::test]
    async fn how_a_task_ended_is_told_when_its_attempt_ends() {
        let (attempt, kept) = attempt();
        attempt.note_task(handle()).await.unwrap();
        assert!(attempt.has_open_task());
        attempt.note_task_end(TaskEnd::Collected);
        assert_eq!(*kept.0.lock().unwrap(), ["open t1"]);
        attempt.finish(End::Finished, Class::Delivered);
        attempt.finish(End::Cancelled, Class::UnknownOutcome);
        assert_eq!(*kept.0.lock().unwrap(), ["open t1", "Collected t1"]);
    }

    #[tokio::test]
    async fn a_task_whose_attempt_was_left_stays_open() {
        let (attempt, kept) = attempt();
        attempt.note_task(handle()).await.unwrap();
        attempt.finish(End::Cancelled, Class::UnknownOutcome);
        assert_eq!(*kept.0.lock().unwrap(), ["open t1"]);
        assert_eq!(attempt.task(), Some(handle()));
    }

    #[tokio::test]
    async fn the_head_is_the_tasks_own_once_it_has_ended() {
        let (attempt, _) = attempt();
        attempt.head_received(StatusCode::ACCEPTED, Version::HTTP_11);
        attempt.note_task(handle()).await.unwrap();
        attempt.head_received(StatusCode::OK, Version::HTTP_11);
        assert_eq!(attempt.status(), Some(StatusCode::ACCEPTED));
        attempt.note_task_end(TaskEnd::Failed);
        attempt.head_received(StatusCode::BAD_REQUEST, Version::HTTP_11);
        attempt.head_received(StatusCode::OK, Version::HTTP_11);
        assert_eq!(attempt.status(), Some(StatusCode::BAD_REQUEST));
    }
}
