//! `GET /v1/longhaul/operations/{id}`: what became of an operation, for its owner and for admin keys.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    PublicId, ResponseBody,
    answers::{PATH, gone, json_response},
    index::{Row, State},
    layer::Replays,
    operation::Operation,
};
use crate::{caller::Caller, core::Attempt, refusal::Refusal};

/// What stands behind an operation's address for its answer as it came.
const ANSWER: &str = "/answer";

impl Replays {
    /// Answers `GET /v1/longhaul/operations/{id}` and `…/{id}/answer`; `None` where `path` is neither.
    ///
    /// The first says what became of the operation, with its answer in `result` or its failure in `error`; the second hands
    /// the answer over as it came. Others than the owner and admin keys get 404, as for a name that does not exist.
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
            State::Unknown if row.status.is_some_and(|status| status.is_success()) => {
                Err(gone(&row))
            }
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

    fn failed(&self, row: &Row, status: &str, error: Value) -> Response<ResponseBody> {
        let mut body = self.ticket(row, status);
        body["http_status"] = row.status.map_or(502, |status| status.as_u16()).into();
        body["error"] = error;
        body["longhaul"] = facts(row);
        json_response(StatusCode::OK, &body)
    }

    /// The kept answer as `result`, or as `error` where it is one. It is JSON already, and is not read for that.
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

fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "no_operation",
        "there is no such operation of yours",
    )
}

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

fn facts(row: &Row) -> Value {
    let seconds = row.ended.map(|ended| (ended - row.began) as f64 / 1000.0);
    json!({
        "class": row.class,
        "seconds": seconds,
        "cost": row.possible.map(|money| money.to_string()),
    })
}
