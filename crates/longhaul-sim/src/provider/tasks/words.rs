//! What each API says of a task.
//!
//! Pure functions from a task and its state to a status and a document, one match on [`Kind`] each, so that what one
//! API says of a task can be read in one column. The words are those of the providers' documentation, and of sub2api's
//! source.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Kind, State, Task};
use crate::{
    TaskFailure,
    dialect::{Frame, replicate, responses},
};

/// Where a task is asked after.
pub(super) struct Urls {
    /// Where the state is told; at all but fal the result too.
    pub(super) state: String,
    /// Where fal tells the result.
    result: String,
    /// Where the task is cancelled.
    cancel: String,
}

impl Urls {
    /// With scheme and host in front, as the submit was sent to them.
    pub(super) fn of(task: &Task) -> Self {
        let Task { id, origin, .. } = task;
        let base = match task.kind {
            Kind::Responses => format!("{}/{id}", task.path),
            Kind::Relay => format!("{}/{id}", task.path),
            Kind::Sub2api => {
                let root = task.path.split("/images/").next().unwrap_or_default();
                format!("{root}/images/tasks/{id}")
            }
            Kind::Fal => format!("{}/requests/{id}", task.path),
            Kind::Replicate => format!("/v1/predictions/{id}"),
        };
        let base = format!("{origin}{base}");
        Self {
            state: match task.kind {
                Kind::Fal => format!("{base}/status"),
                _ => base.clone(),
            },
            cancel: format!("{base}/cancel"),
            result: base,
        }
    }
}

/// The id of the task that a request becomes.
pub(super) fn id(kind: Kind, request_id: &str) -> String {
    let prefix = match kind {
        Kind::Responses => return responses::id(request_id),
        Kind::Sub2api => "imgtask_",
        Kind::Relay => "job_",
        Kind::Fal | Kind::Replicate => "",
    };
    request_id.replacen("req_", prefix, 1)
}

/// The words for a task that is queued and for one that is worked on.
const fn running_words(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Responses => ["queued", "in_progress"],
        Kind::Sub2api => ["processing", "processing"],
        Kind::Relay => ["pending", "processing"],
        Kind::Fal => ["IN_QUEUE", "IN_PROGRESS"],
        Kind::Replicate => ["starting", "processing"],
    }
}

/// A state that nobody documented.
pub(super) const ODD: &str = "warming_up";

/// The answer to the submit.
pub(super) fn submitted(task: &Task, urls: &Urls) -> (StatusCode, Value) {
    let [queued, _] = running_words(task.kind);
    let status = match task.kind {
        Kind::Responses | Kind::Fal => StatusCode::OK,
        Kind::Sub2api | Kind::Relay => StatusCode::ACCEPTED,
        Kind::Replicate => StatusCode::CREATED,
    };
    let mut document = document(task, queued);
    match task.kind {
        Kind::Sub2api => document["poll_url"] = json!(urls.state),
        Kind::Fal => {
            document["status_url"] = json!(urls.state);
            document["response_url"] = json!(urls.result);
            document["cancel_url"] = json!(urls.cancel);
        }
        Kind::Replicate => {
            document["urls"] = json!({ "get": urls.state, "cancel": urls.cancel });
        }
        Kind::Responses | Kind::Relay => {}
    }
    (status, document)
}

/// A task that is queued or worked on.
pub(super) fn running(task: &Task, queued: bool, odd: bool) -> (StatusCode, Value) {
    let [waiting, working] = running_words(task.kind);
    let word = match (odd, queued) {
        (true, _) => ODD,
        (false, true) => waiting,
        (false, false) => working,
    };
    let status = match task.kind {
        Kind::Fal | Kind::Relay => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    (status, document(task, word))
}

/// fal's word for a task that ended, well or badly: only its result says which.
pub(super) fn completed(task: &Task) -> Value {
    let mut document = document(task, "COMPLETED");
    document["response_url"] = json!(Urls::of(task).result);
    document
}

/// A task that failed, as its state is told.
///
/// fal tells a failure only with the result, by a status; the others tell it in a 200.
pub(super) fn failed(task: &Task, failure: TaskFailure) -> (StatusCode, Value) {
    let message = format!("The task failed: {failure}.");
    let error = json!({ "code": failure.code(), "message": message, "type": failure.code() });
    let mut document = match task.kind {
        Kind::Responses => {
            let (word, error, reason) = match failure {
                TaskFailure::Cancelled => ("cancelled", Value::Null, Value::Null),
                TaskFailure::Filtered | TaskFailure::CutShort => (
                    "incomplete",
                    Value::Null,
                    json!({ "reason": failure.code() }),
                ),
                _ => ("failed", error, Value::Null),
            };
            let mut document = document(task, word);
            document["error"] = error;
            document["incomplete_details"] = reason;
            document
        }
        Kind::Sub2api => {
            let mut document = document(task, "failed");
            document["http_status"] = json!(failure.status());
            document["error"] = error;
            document
        }
        Kind::Relay => {
            let mut document = document(task, "failed");
            document["error"] = error;
            document
        }
        Kind::Fal => {
            let status = StatusCode::from_u16(failure.status()).unwrap_or_default();
            return (
                status,
                json!({ "detail": message, "error_type": failure.code() }),
            );
        }
        Kind::Replicate => {
            let word = match failure {
                TaskFailure::Cancelled => "canceled",
                _ => "failed",
            };
            let mut document = document(task, word);
            document["error"] = json!(format!("{}: {message}", failure.code()));
            document
        }
    };
    if task.kind == Kind::Responses {
        document["background"] = json!(true);
    }
    (StatusCode::OK, document)
}

/// A task that is done, around the document of its pictures.
pub(super) fn done(task: &Task, pictures: Value) -> Value {
    let mut pictures = pictures;
    match task.kind {
        Kind::Responses => {
            pictures["background"] = json!(true);
            pictures
        }
        Kind::Sub2api | Kind::Relay => {
            let mut document = document(task, "completed");
            document["result"] = pictures;
            document
        }
        Kind::Fal | Kind::Replicate => pictures,
    }
}

/// A task in the list of all: without its pictures.
pub(super) fn listed(task: &Task, state: &State) -> Value {
    let [waiting, working] = running_words(task.kind);
    let word = match state {
        State::Queued => waiting,
        State::Running => working,
        State::Done => "succeeded",
        State::Failed(_) => "failed",
    };
    let urls = Urls::of(task);
    let mut document = document(task, word);
    document["urls"] = json!({ "get": urls.state, "cancel": urls.cancel });
    document["input"] = task.input.clone();
    document["created_at"] = json!(humantime::format_rfc3339_micros(task.created).to_string());
    document
}

/// No such task.
pub(super) fn unknown(id: &str) -> Value {
    json!({ "error": {
        "message": format!("Task '{id}' not found."),
        "type": "invalid_request_error",
        "param": null,
        "code": "not_found",
    } })
}

/// The task in this state, without an end.
fn document(task: &Task, word: &str) -> Value {
    let frame = Frame {
        work: &task.work,
        request_id: &task.request_id,
        created: 0,
    };
    let id = &task.id;
    match task.kind {
        Kind::Responses => {
            let mut document = responses::response(&frame, id, word, Vec::new());
            document["background"] = json!(true);
            document["usage"] = Value::Null;
            document
        }
        Kind::Sub2api => json!({
            "id": id,
            "task_id": id,
            "object": "image.generation.task",
            "status": word,
        }),
        Kind::Relay => json!({ "id": id, "status": word }),
        Kind::Fal => json!({ "request_id": id, "status": word }),
        Kind::Replicate => replicate::prediction(&frame, id, word, &[]),
    }
}
