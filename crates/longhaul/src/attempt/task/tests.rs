use std::sync::{Arc, Mutex};

use http::{StatusCode, Version};

use super::*;
use crate::{
    attempt::{Attempt, OperationId},
    model::{End, Probability},
};

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl TaskSink for Kept {
    fn submits(&self, dialect: Option<&str>) -> TaskNoted {
        let dialect = dialect.unwrap_or("nothing");
        self.0.lock().unwrap().push(format!("submits {dialect}"));
        Box::pin(async { Ok(()) })
    }

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

    fn collected(&self, handle: &TaskHandle, end: TaskEnd, answer: &TaskAnswer) -> bool {
        let TaskAnswer { outcome, .. } = answer;
        let permille = outcome.exposure.probability.as_permille();
        self.0.lock().unwrap().push(format!(
            "{end:?} {} later: {}, {permille}",
            handle.id, outcome.class
        ));
        true
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
async fn what_a_later_attempt_collects_is_in_the_books_of_the_first() {
    let (first, kept) = attempt();
    first.note_submit(Some("relay")).await.unwrap();
    first.note_task(handle()).await.unwrap();
    first.finish(End::TimedOut, Class::Undelivered);

    let (second, own) = attempt();
    second.resume_task(&first);
    assert!(second.has_open_task());
    second.note_task_end(TaskEnd::Collected);
    let outcome = second.finish(End::Finished, Class::Delivered);
    assert_eq!(outcome.exposure.probability, Probability::ZERO);
    let expected = [
        "submits relay",
        "open t1",
        "Collected t1 later: Delivered, 1000",
    ];
    assert_eq!(*kept.0.lock().unwrap(), expected);
    assert!(own.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_task_that_was_taken_back_costs_neither_attempt() {
    let (first, kept) = attempt();
    first.note_task(handle()).await.unwrap();
    first.finish(End::Cancelled, Class::UnknownOutcome);

    let (second, own) = attempt();
    second.resume_task(&first);
    second.task_was_taken_back(&first);
    assert!(!second.has_open_task());
    second
        .note_task(TaskHandle::new("relay", "t2", "", None))
        .await
        .unwrap();
    second.note_task_end(TaskEnd::Collected);
    let outcome = second.finish(End::Finished, Class::Delivered);
    assert_eq!(outcome.exposure.probability, Probability::ONE);
    let told = ["open t1", "Failed t1 later: UnknownOutcome, 0"];
    assert_eq!(*kept.0.lock().unwrap(), told);
    assert_eq!(*own.0.lock().unwrap(), ["open t2", "Collected t2"]);
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

/// Looks at its attempt when it notes a task, and panics when it is told of an end.
#[derive(Debug)]
struct Careless(Attempt);

impl TaskSink for Careless {
    fn submits(&self, _: Option<&str>) -> TaskNoted {
        Box::pin(async { Ok(()) })
    }

    fn note(&self, _: &TaskHandle) -> TaskNoted {
        assert_eq!(self.0.outcome_now(), None);
        Box::pin(async { Ok(()) })
    }

    fn ended(&self, _: &TaskHandle, _: TaskEnd) {
        panic!("of a sink");
    }

    fn collected(&self, _: &TaskHandle, _: TaskEnd, _: &TaskAnswer) -> bool {
        panic!("of a sink");
    }
}

#[tokio::test]
async fn a_sink_that_panics_keeps_the_end_from_nobody() {
    let told = Arc::new(Mutex::new(0));
    for number in [1, 2] {
        let first = Attempt::new(OperationId::new(), 1, None);
        first.set_task_sink(Arc::new(Careless(first.clone())));
        first.note_task(handle()).await.unwrap();
        let attempt = match number {
            1 => first,
            _ => {
                let later = Attempt::new(OperationId::new(), 2, None);
                later.resume_task(&first);
                later
            }
        };
        attempt.note_task_end(TaskEnd::Collected);
        let hears = told.clone();
        attempt.on_end(move |_, _| *hears.lock().unwrap() += 1);
        attempt.finish(End::Finished, Class::Delivered);
        assert!(!attempt.is_in_earlier_entry(), "nobody wrote it there");
    }
    assert_eq!(*told.lock().unwrap(), 2);
}
