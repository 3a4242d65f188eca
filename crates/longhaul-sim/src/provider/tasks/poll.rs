//! Asking after a task.
//!
//! Told by method and path alone, whatever the host: a client under test may reach all five APIs at one address. Faults
//! of polls come after the key is checked and before the state is told, so a fault never hides a wrong key.

use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use super::{
    super::{Provider, answer as answers, asked as heads, finish::Finish, links},
    Kind, State, Task,
    submit::FOREIGN,
    words,
};
use crate::{
    Body, Fault,
    dialect::{Dialect, Refusal},
    line::Line,
};

/// What a request about a task wants to know or do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The state, and at most APIs the result once it is there.
    State,
    /// All of an account's, of which only Replicate tells.
    List,
    /// fal's second question, once a task is completed.
    Result,
    /// A cancellation, which counts while the task is queued.
    Cancel,
}

/// A question about a task.
#[derive(Debug)]
pub(in super::super) struct Asked {
    id: String,
    what: What,
}

/// The question that a request is, if it is one.
pub(in super::super) fn asked(head: &Parts) -> Option<Asked> {
    let path = head.uri.path();
    let segments: Vec<_> = path.split('/').collect();
    let asked = |id: &str, what| {
        let id = id.to_owned();
        (!id.is_empty()).then_some(Asked { id, what })
    };
    match (&head.method, &segments[..]) {
        (&Method::GET, ["", "v1", "predictions"]) => asked("all", What::List),
        (&Method::GET, [.., "requests", id, "status"]) => asked(id, What::State),
        (&Method::GET, [.., "requests", id]) => asked(id, What::Result),
        (&Method::PUT, [.., "requests", id, "cancel"]) => asked(id, What::Cancel),
        (&Method::POST, [.., "responses" | "predictions", id, "cancel"]) => asked(id, What::Cancel),
        (&Method::GET, [.., "responses" | "predictions", id]) => asked(id, What::State),
        (&Method::GET, [.., "images", "tasks", id]) => asked(id, What::State),
        (&Method::GET, [.., "async", "images", _, id]) => asked(id, What::State),
        _ => None,
    }
}

/// Answers it.
///
/// A task that is no longer kept is as unknown as one that never was.
pub(in super::super) async fn answer(
    provider: &Provider,
    head: &Parts,
    asked: Asked,
    line: Option<Line>,
) -> Response<Body> {
    if let Err(refusal) = heads::check_key(provider, &head.headers) {
        return refuse(&refusal);
    }
    let now = provider.inner.clock.now();
    if asked.what == What::List {
        let tasks = provider.inner.tasks.of(Kind::Replicate);
        let listed = tasks
            .iter()
            .map(|task| words::listed(task, &task.state(now)));
        let results: Vec<_> = listed.collect();
        return document(
            StatusCode::OK,
            &json!({ "next": null, "previous": null, "results": results }),
        );
    }
    let task = provider.inner.tasks.find(&asked.id);
    let Some(task) = task.filter(|task| task.is_kept(now)) else {
        return document(StatusCode::NOT_FOUND, &words::unknown(&asked.id));
    };
    task.record.update(|entry| {
        let told = entry.task.get_or_insert_default();
        told.polls += u32::from(asked.what == What::State);
    });
    if asked.what == What::Cancel {
        return cancel(&task, &task.state(now));
    }
    let since = now.saturating_sub(task.submitted);
    match task.fault {
        Fault::PollNotFound { until } if since < until => {
            return document(StatusCode::NOT_FOUND, &words::unknown(&asked.id));
        }
        Fault::TaskLost { after } if since >= after => {
            return document(StatusCode::NOT_FOUND, &words::unknown(&asked.id));
        }
        Fault::PollUnavailable { until } if since < until => return refuse(&Refusal::Unavailable),
        Fault::PollUnauthorized => return refuse(&Refusal::Unauthorized),
        Fault::PollRedirect => return redirect(head),
        _ => {}
    }
    let odd = task.fault == Fault::OddState;
    match task.state(now) {
        State::Queued => plain(words::running(&task, true, odd)),
        State::Running => plain(words::running(&task, false, odd)),
        // Whether it went well is told with the result.
        _ if task.kind == Kind::Fal && asked.what == What::State => {
            document(StatusCode::OK, &words::completed(&task))
        }
        State::Failed(failure) => plain(words::failed(&task, failure)),
        State::Done => collect(provider, &task, links::origin(head, line.as_ref()), line).await,
    }
}

/// The answer with the pictures; the oracle learns whether it left to its last byte.
///
/// More than one collection is possible, and only the first is shaped by a fault of the body.
async fn collect(
    provider: &Provider,
    task: &Task,
    origin: String,
    line: Option<Line>,
) -> Response<Body> {
    let busy = provider.inner.oracle.busy();
    let finish = Finish {
        provider: provider.clone(),
        record: task.record.clone(),
        request_id: task.request_id.clone(),
        origin,
        blocked: false,
        work: task.work.clone(),
    };
    // sub2api moves every picture to a store of its own.
    let links = task.work.links || task.kind == Kind::Sub2api;
    let gone = task.fault == Fault::PictureGone;
    let wrap = |document: Value| words::done(task, document);
    let (pieces, pictures) = finish.wrapped(&task.generation, links, gone, wrap).await;
    let clock = provider.inner.clock;
    let body = answers::shaped(Body::whole(pieces), task.shape(), &clock);
    let record = task.record.clone();
    answers::response(StatusCode::OK, "application/json", body).map(|body| {
        body.on_line(line).ending(move |whole| {
            let now = clock.now();
            record.update(|entry| {
                entry.finished = Some(now);
                entry.answered |= whole;
                entry.delivered |= whole && pictures;
                let told = entry.task.get_or_insert_default();
                told.collected += u32::from(whole);
            });
            drop(busy);
        })
    })
}

/// Before its work began a task can be cancelled; later it is too late.
///
/// Each API says “too late” in its own way: fal with 400, the others with the task as it runs.
fn cancel(task: &Task, state: &State) -> Response<Body> {
    let queued = matches!(state, State::Queued);
    if queued {
        task.generation.stop();
        task.record.update(|entry| {
            entry.task.get_or_insert_default().cancelled = true;
        });
    }
    match task.kind {
        Kind::Fal => {
            let (status, word) = if queued {
                (StatusCode::ACCEPTED, "CANCELLATION_REQUESTED")
            } else {
                (StatusCode::BAD_REQUEST, "ALREADY_COMPLETED")
            };
            document(status, &json!({ "status": word }))
        }
        _ if queued => plain(words::failed(task, crate::TaskFailure::Cancelled)),
        _ => plain(words::running(task, false, false)),
    }
}

/// In OpenAI's words, which all clients of tasks read.
fn refuse(refusal: &Refusal) -> Response<Body> {
    let (status, body) = answers::refuse(Dialect::OpenAi, refusal);
    answers::response(status, "application/json", body)
}

/// To another host, which a client must not follow with its key.
fn redirect(head: &Parts) -> Response<Body> {
    let body = Body::whole(Vec::new());
    let mut response = answers::response(StatusCode::TEMPORARY_REDIRECT, "text/plain", body);
    let location = format!("{FOREIGN}{}", head.uri.path());
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn plain((status, told): (StatusCode, Value)) -> Response<Body> {
    document(status, &told)
}

/// An answer in JSON.
fn document(status: StatusCode, document: &Value) -> Response<Body> {
    let body = Body::whole(vec![document.to_string().into()]);
    answers::response(status, "application/json", body)
}
