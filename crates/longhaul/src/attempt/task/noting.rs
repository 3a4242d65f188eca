//! What an exchange below writes down of an attempt.
//!
//! These calls are for layers like `SubmitAndPoll`, which make several requests of one attempt. A layer that only passes requests
//! on needs none of them.

use std::sync::Arc;

use super::{SinkError, TaskAnswer, TaskEnd, TaskFacts, TaskHandle, TaskSink};
use crate::{
    attempt::Attempt,
    model::{Exposure, Outcome, Probability},
};

impl Attempt {
    /// Sets where the handle of a task is kept, if the attempt submits one.
    ///
    /// The ledger's entry does this; without a sink handles are known to the running process alone, and a crash loses them. A
    /// sink that is set after the submit hears nothing of it.
    pub fn set_task_sink(&self, sink: Arc<dyn TaskSink>) {
        self.facts().task.sink = Some(sink);
    }

    /// Notes that the attempt submits in the dialect of this name, or that it began no task after all, and ends when that is
    /// durable; at once where nobody keeps it.
    ///
    /// # Errors
    ///
    /// If the note could not be made durable.
    ///
    /// Dropped before it ends, the note may or may not be written: send the submit after it has ended.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = longhaul::Attempt::enter(request.extensions_mut());
    /// // Without a ledger nobody keeps it, and nothing is waited for.
    /// assert!(attempt.note_submit(Some("ark")).await.is_ok());
    /// // The provider refused the submit: no task was begun.
    /// assert!(attempt.note_submit(None).await.is_ok());
    /// # }
    /// ```
    pub async fn note_submit(&self, dialect: Option<&str>) -> Result<(), SinkError> {
        let sink = self.facts().task.sink.clone();
        match sink.map(|sink| sink.submits(dialect)) {
            Some(noted) => noted.await,
            None => Ok(()),
        }
    }

    /// Notes that the attempt collects the task that `earlier` submitted, and submits none: what the task costs stays in the
    /// books of `earlier`, which are told how it ended.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// # let enter = || longhaul::Attempt::enter(&mut http::Extensions::new()).0;
    /// use longhaul::attempt::TaskHandle;
    ///
    /// # let (first, second) = (enter(), enter());
    /// first.note_task(TaskHandle::new("ark", "cgt-1", "https://ark.example.com/tasks/cgt-1", None)).await?;
    /// // `first` lost its connection; `second` asks after the same task in place of paying for another one.
    /// second.resume_task(&first);
    /// assert_eq!(second.task(), first.task());
    /// # Ok(()) }
    /// ```
    pub fn resume_task(&self, earlier: &Self) {
        let task = earlier.facts().task.clone();
        let mut facts = self.facts();
        let own_sink = facts.task.sink.take();
        facts.task = TaskFacts {
            end: None,
            is_anothers: true,
            own_sink,
            in_earlier_entry: false,
            ..task
        };
        facts.not_silent = true;
    }

    /// Notes that the task of `earlier`, which the attempt [resumed](Self::resume_task), had been taken back before it began:
    /// it cost nothing, which the books of `earlier` are told, and the attempt may submit a task of its own.
    pub fn task_was_taken_back(&self, earlier: &Self) {
        let mut task = {
            let mut facts = self.facts();
            let own = TaskFacts {
                sink: facts.task.own_sink.take(),
                ..TaskFacts::default()
            };
            std::mem::replace(&mut facts.task, own)
        };
        task.end = Some(TaskEnd::Failed);
        if let Some(outcome) = earlier.outcome_now() {
            let exposure = Exposure {
                probability: Probability::ZERO,
                ..outcome.exposure
            };
            task.tell_end(Some(&TaskAnswer {
                outcome: Outcome {
                    exposure,
                    ..outcome
                },
                status: None,
                evidence: earlier.evidence(),
            }));
        }
    }

    /// Whether all that is known of it is in the entry of an earlier attempt, whose task it asked after.
    pub(crate) fn is_in_earlier_entry(&self) -> bool {
        self.facts().task.in_earlier_entry
    }

    /// Notes that the attempt submitted a task, and ends when the handle is durable; at once where nobody keeps it.
    ///
    /// From then on only the deadline bounds the attempt, no attempt is made beside it, and the answer's head is that of
    /// the task's own answer.
    ///
    /// # Errors
    ///
    /// If the handle could not be made durable. The task runs all the same.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// # let (attempt, _) = longhaul::Attempt::enter(&mut http::Extensions::new());
    /// use longhaul::attempt::{TaskEnd, TaskHandle};
    ///
    /// attempt.note_task(TaskHandle::new("ark", "cgt-1", "https://ark.example.com/tasks/cgt-1", None)).await?;
    /// assert!(attempt.has_open_task());
    /// attempt.note_task_end(TaskEnd::Collected);
    /// assert!(!attempt.has_open_task());
    /// # Ok(()) }
    /// ```
    pub async fn note_task(&self, handle: TaskHandle) -> Result<(), SinkError> {
        let (sink, handle) = {
            let mut facts = self.facts();
            let handle = facts.task.handle.insert(Arc::new(handle)).clone();
            facts.task.end = None;
            facts.not_silent = true;
            (facts.task.sink.clone(), handle)
        };
        // Without the lock: a sink may read the attempt.
        match sink.map(|sink| sink.note(&handle)) {
            Some(noted) => noted.await,
            None => Ok(()),
        }
    }

    /// Notes how the task ended. The sink learns it when the attempt ends: until then a crash leaves the
    /// task open.
    ///
    /// Say nothing where a poll failed: a task that is still running stays open, and another attempt or process collects it.
    pub fn note_task_end(&self, end: TaskEnd) {
        self.facts().task.end = Some(end);
    }

    /// The task that it submitted.
    ///
    /// It stays after the end, so that a report can name it: [`has_open_task`](Self::has_open_task) says whether it is still
    /// to be collected.
    pub fn task(&self) -> Option<TaskHandle> {
        self.facts().task.handle.as_deref().cloned()
    }

    /// Whether it submitted a task that has not ended, as far as is known.
    pub fn has_open_task(&self) -> bool {
        self.facts().task.is_open()
    }

    /// Notes that something keeps its line open while the model works: how it ends says nothing of how long the route lets
    /// a connection be silent.
    ///
    /// A stream with a comment every 15 s never meets a 60 s idle limit. Counted as a call that came past it, it would make a
    /// route look open that cuts every silent call.
    pub fn note_kept_open(&self) {
        self.facts().not_silent = true;
    }

    /// Notes how many drafts came beside the answer so far. They may cost something besides: they are counted with its
    /// [evidence](Self::evidence), and priced by [`PriceRow::draft_price`](crate::billing::PriceRow::draft_price).
    ///
    /// The number is the total so far and not one more: a stream that is read twice counts its drafts once.
    pub fn note_drafts(&self, drafts: u32) {
        self.facts().drafts_beside = drafts;
    }

    /// Takes back the head that came: it answered a question of the exchange, not the caller's.
    ///
    /// To be called before the next request of the exchange, so that the silence of the model and the limit by size count on.
    pub fn discard_head(&self) {
        self.facts().head = None;
    }

    /// Says how likely it was charged, where the provider's own rules say so. A word in the answer itself counts more.
    ///
    /// ```
    /// use longhaul::classify::Probability;
    ///
    /// # let (attempt, _) = longhaul::Attempt::enter(&mut http::Extensions::new());
    /// // The provider's rules: a task that failed is not charged.
    /// attempt.note_charged(Probability::ZERO);
    /// ```
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
