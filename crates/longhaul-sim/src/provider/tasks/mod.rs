//! Tasks: works that are submitted and collected by polling.
//!
//! A task is a work like any other, and a name under which it is asked after. Five APIs are played, which differ in
//! words and URLs (`words`) and hardly in anything else. Polls are no requests of their own: they are counted with the
//! request that submitted the task.

mod poll;
mod submit;
mod words;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::request::Parts;
use serde_json::Value;

pub(super) use self::{
    poll::{answer, asked},
    submit::Submit,
};
use super::{builder::Offer, work::Generation};
use crate::{
    Fault, TaskFailure, Work,
    dialect::{Dialect, Refusal},
    oracle::Record,
};

/// By which API a task was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// OpenAI Responses with `background`.
    Responses,
    /// sub2api's `/images/generations/async`.
    Sub2api,
    /// A relay's `/async/images/generations`, polled at the same path.
    Relay,
    /// fal's queue.
    Fal,
    /// Replicate's predictions without `Prefer: wait`.
    Replicate,
}

/// How a call wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// With the picture, when it is there.
    Unary,
    /// At once, with a task's id and no picture.
    Task(Kind),
    /// As a stream of events, with the picture in the last ones.
    Stream,
}

impl Mode {
    /// What the request asks for, as far as the provider offers it.
    ///
    /// A provider that refuses tasks or streams does so as one that has never heard of them; one that ignores them
    /// answers as if nobody had asked.
    pub(super) fn of(
        dialect: Dialect,
        head: &Parts,
        body: &Value,
        tasks: Offer,
        streams: Offer,
    ) -> Result<Self, Refusal> {
        let path = head.uri.path();
        let queue = head.uri.host() == Some("queue.fal.run") || path.starts_with("/queue/");
        let waits = head.headers.get_all("prefer").iter().any(|prefer| {
            prefer
                .to_str()
                .is_ok_and(|prefer| prefer.trim_start().starts_with("wait"))
        });
        let kind = match dialect {
            Dialect::Responses if body["background"] == true => Some(Kind::Responses),
            Dialect::OpenAi if path.ends_with("/async") => Some(Kind::Sub2api),
            Dialect::OpenAi if path.contains("/async/") => Some(Kind::Relay),
            Dialect::Fal if queue => Some(Kind::Fal),
            Dialect::Replicate if !waits => Some(Kind::Replicate),
            _ => None,
        };
        if let Some(kind) = kind {
            let refusal = match kind {
                Kind::Responses => Refusal::Unsupported("background"),
                _ => Refusal::NotFound,
            };
            match tasks {
                Offer::Yes => return Ok(Self::Task(kind)),
                Offer::Refused => return Err(refusal),
                Offer::Ignored => {}
            }
        }
        let can_stream = matches!(dialect, Dialect::Responses | Dialect::OpenAi);
        if can_stream && body["stream"] == true {
            match streams {
                Offer::Yes => return Ok(Self::Stream),
                Offer::Refused => return Err(Refusal::Unsupported("stream")),
                Offer::Ignored => {}
            }
        }
        Ok(Self::Unary)
    }
}

/// All tasks, by their ids.
///
/// None is ever forgotten here; whether a provider still knows one is [`Task::is_kept`].
#[derive(Debug, Default)]
pub(super) struct Tasks {
    by_id: Mutex<HashMap<String, Arc<Task>>>,
}

impl Tasks {
    /// Makes the task known, under its id.
    fn insert(&self, task: Arc<Task>) {
        self.by_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(task.id.clone(), task);
    }

    /// Those of one API, the newest first.
    fn of(&self, kind: Kind) -> Vec<Arc<Task>> {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tasks: Vec<_> = by_id
            .values()
            .filter(|task| task.kind == kind)
            .cloned()
            .collect();
        tasks.sort_by_key(|task| std::cmp::Reverse((task.submitted, task.id.clone())));
        tasks
    }

    /// The task with this id, kept or not.
    fn find(&self, id: &str) -> Option<Arc<Task>> {
        self.by_id
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }
}

/// A task: its work, where it was submitted, and what befalls its polls.
#[derive(Debug)]
struct Task {
    kind: Kind,
    id: String,
    work: Work,
    request_id: String,
    /// The path that it was submitted to.
    path: String,
    /// Scheme and host of the URLs that its answers tell.
    origin: String,
    record: Record,
    generation: Generation,
    fault: Fault,
    submitted: Duration,
    /// How long its work waits after that.
    queued: Duration,
    /// The time of day of the submit, for lists of tasks.
    created: SystemTime,
    /// The `input` of the request, which Replicate's list repeats.
    input: Value,
    /// A fault of the answer's body befalls the first that is collected.
    shaped: AtomicBool,
}

/// How far a task is, before a dialect puts it into words.
#[derive(Debug)]
enum State {
    /// Its work waits, and can be cancelled.
    Queued,
    /// The work goes on; it is too late to cancel.
    Running,
    /// The picture is there.
    Done,
    /// It has ended without one.
    Failed(TaskFailure),
}

impl Task {
    /// A failure is told when the work has ended, not before: that is when a provider knows.
    fn state(&self, now: Duration) -> State {
        if self.generation.is_stopped() {
            return State::Failed(TaskFailure::Cancelled);
        }
        match self.generation.done() {
            Some(_) => match self.fault {
                Fault::TaskFailed { failure } => State::Failed(failure),
                Fault::Blocked => State::Failed(TaskFailure::Policy),
                _ => State::Done,
            },
            None if now < self.submitted.saturating_add(self.queued) => State::Queued,
            None => State::Running,
        }
    }

    /// Whether the provider still knows it: so long it is kept once it is done.
    ///
    /// Ten minutes at OpenAI, a day at sub2api and an hour elsewhere, as they document it; a task that runs is kept.
    fn is_kept(&self, now: Duration) -> bool {
        let hour = 3600;
        let kept = Duration::from_secs(match self.kind {
            Kind::Responses => 600,
            Kind::Sub2api => 24 * hour,
            Kind::Relay | Kind::Fal | Kind::Replicate => hour,
        });
        let mut charged = None;
        self.record.update(|entry| charged = entry.charged);
        charged.is_none_or(|charged| now < charged.saturating_add(kept))
    }

    /// The fault that shapes this answer's body, once.
    ///
    /// A broken collection can therefore be made again, which is what clients are tried with.
    fn shape(&self) -> Fault {
        if self.shaped.swap(true, Ordering::Relaxed) {
            Fault::None
        } else {
            self.fault
        }
    }
}
