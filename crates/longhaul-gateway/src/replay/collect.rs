//! `GET /v1/longhaul/operations/{id}`: what became of an operation, for its owner and for admin keys.
//!
//! The address that `202 Accepted` gave out. It never begins, ends or changes anything: a poll is one row and, at the
//! end, one file.
//!
//! | state of the operation | status | body |
//! |---|---|---|
//! | runs | 202, `Retry-After: 3` | `"status": "processing"`, and how far it is, where it runs in this process |
//! | kept, a success | 200 | `"status": "completed"`, the answer in `result` |
//! | kept, a failure | 200 | `"status": "failed"`, the provider's words in `answer` |
//! | free | 200 | `"status": "failed"`, code `free` |
//! | unknown | 200 | `"status": "unknown"`, code `outcome_unknown` |
//! | unknown, after a status of success: the answer was removed, or broke off | 410 | `answer_gone` |
//! | somebody else's, none, or one that is [forgotten](super::Index::forget) | 404 | `no_operation`: nobody learns which operations there are |
//!
//! Tests: `respond_async_gives_an_address_that_only_its_owner_reads`,
//! `an_operation_is_handed_over_to_its_owner_alone`.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    PublicId, ResponseBody,
    answers::{PATH, json_response},
    index::{Row, State},
    layer::Replays,
    operation::Operation,
    words::gone,
};
use crate::{caller::Caller, core::Attempt, refusal::Refusal};

/// What stands behind an operation's address for its answer as it came.
///
/// For whoever wants the provider's answer with its own status and headers, to give to a parser that knows it.
const ANSWER: &str = "/answer";

impl Replays {
    /// Answers `GET /v1/longhaul/operations/{id}` and `…/{id}/answer`; `None` where `path` is neither.
    ///
    /// The first says what became of the operation, with its picture in `result`, a failure that was kept in
    /// `answer`, or why there is neither in `error`; the second hands the answer over as it came. Whoever is neither
    /// the owner nor an admin gets 404, as for a name that does not exist.
    ///
    /// It reads and never begins anything; whoever serves it asks for `GET` and `HEAD` alone. A caller is compared by its
    /// [scope](crate::caller::Scope).
    ///
    /// ```
    /// use longhaul_gateway::{caller::Callers, replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = IdempotentReplayLayer::new(ReplayPolicy::new("answers"), MemoryIndex::new()?);
    /// let request = http::Request::get("/v1/longhaul/operations/op_00112233445566778899aabbccddeeff").body(())?;
    /// let caller = Callers::new(&[]).identify(request.headers(), request.uri())?;
    /// let answer = layer.replays().collect(request.uri().path(), &caller).await.expect("it is such an address");
    /// assert_eq!(answer.unwrap_err().status(), 404);
    /// assert!(layer.replays().collect("/v1/models", &caller).await.is_none(), "somebody else answers that");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// 404 for operations that are not the caller's or do not exist, 410 for an answer that is no longer kept, 503
    /// where the index or the store does not answer; each ready to be sent.
    pub async fn collect(
        &self,
        path: &str,
        caller: &Caller,
    ) -> Option<Result<Response<ResponseBody>, Refusal>> {
        let name = path.strip_prefix(PATH)?;
        let (name, whole) = match name.strip_suffix(ANSWER) {
            Some(name) => (name, true),
            None => (name, false),
        };
        Some(match name.parse::<PublicId>() {
            Ok(id) => self.find(id, caller, whole).await,
            Err(()) => Err(not_found()),
        })
    }

    /// Owner or admin first, then the state: a stranger gets the same answer in every state.
    async fn find(
        &self,
        id: PublicId,
        caller: &Caller,
        whole: bool,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let row = self
            .0
            .index
            .get(id)
            .await
            .map_err(|error| super::words::unavailable(&*error))?
            .filter(|row| row.scope == caller.scope() || caller.is_admin())
            .ok_or_else(not_found)?;
        match row.state {
            State::Running => Ok(self.processing(&row)),
            State::Kept if whole => self.kept(&row).await,
            State::Kept => self.completed(&row).await,
            State::Unknown if row.succeeded() => Err(gone(row.id)),
            State::Unknown => Ok(self.failed(
                &row,
                "unknown",
                json!({
                    "message": "nobody knows how it ended; it may have been charged",
                    "code": "outcome_unknown",
                }),
            )),
            State::Free => Ok(self.failed(
                &row,
                "failed",
                json!({
                    "message": "it ended without an answer, and cost nothing",
                    "code": "free",
                }),
            )),
        }
    }

    /// How far it is, is known in the process where it runs alone; from others it is a ticket.
    fn processing(&self, row: &Row) -> Response<ResponseBody> {
        let mut body = self.ticket(row, "processing");
        if let Some(operation) = self.0.operations.get(row.id) {
            body["longhaul"] = so_far(&operation);
        }
        let mut response = json_response(StatusCode::ACCEPTED, &body);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
        response
    }

    /// 200, because the question was answered: what failed is the operation. Its own status is in `http_status`.
    fn failed(&self, row: &Row, status: &str, error: Value) -> Response<ResponseBody> {
        let mut body = self.ticket(row, status);
        body["http_status"] = row.status.map_or(502, |status| status.as_u16()).into();
        body["error"] = error;
        body["longhaul"] = facts(row);
        json_response(StatusCode::OK, &body)
    }

    /// The kept answer as `result`, or as `answer` where it is a failure. It is JSON already, and is not read for
    /// that.
    ///
    /// An answer that is no JSON cannot stand in one: then `answer_url` leads to it. The JSON around it is closed by
    /// hand, so that a picture of 40 MB passes from the file to the caller in pieces.
    async fn completed(&self, row: &Row) -> Result<Response<ResponseBody>, Refusal> {
        let good = row.status.is_none_or(|status| status.is_success());
        let is_json = row
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|text| text.to_ascii_lowercase().contains("json"));
        let mut body = self.ticket(row, if good { "completed" } else { "failed" });
        body["http_status"] = row.status.map_or(200, |status| status.as_u16()).into();
        body["answer_url"] = format!("{PATH}{}{ANSWER}", row.id).into();
        body["longhaul"] = facts(row);
        if !is_json {
            return Ok(json_response(StatusCode::OK, &body));
        }
        let mut before = body.to_string();
        before.truncate(before.len() - 1);
        before.push_str(if good { ",\"result\":" } else { ",\"answer\":" });
        let kept = self
            .kept_body(row, Bytes::from(before), Bytes::from_static(b"}"))
            .await?;
        Ok(json_response(StatusCode::OK, &body).map(|_| kept))
    }
}

/// Also what is said at every such path where nothing is remembered.
pub(crate) fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "no_operation",
        "there is no such operation of yours",
    )
}

/// Of an operation that runs here, by its attempts. No amount of money: it is not known before the end.
fn so_far(operation: &Operation) -> Value {
    let attempts = operation.progress.attempts();
    let last = attempts.last();
    json!({
        "elapsed_seconds": operation.began.elapsed().as_secs_f64(),
        "attempts": attempts.len(),
        "phase": last.map(|attempt| attempt.phase().name()),
        "callers": operation.progress.callers(),
        "class": last.and_then(Attempt::class).map(crate::core::Class::name),
    })
}

/// Of one that has ended, by its row.
fn facts(row: &Row) -> Value {
    let seconds = row.ended.map(|ended| (ended - row.began) as f64 / 1000.0);
    json!({
        "class": row.class,
        "seconds": seconds,
        "cost": row.possible.map(|money| money.to_string()),
    })
}
