//! Kept answers, and the address of those that are still to come.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    REPLAYED, ResponseBody,
    index::{Row, State},
    layer::Replays,
    words::unknown,
};
use crate::refusal::{OPERATION, Refusal};

/// Where operations are collected.
pub(crate) const PATH: &str = "/v1/longhaul/operations/";
/// When a client should ask again, in seconds.
const ASK_AGAIN: &str = "3";

impl Replays {
    /// The answer of an operation that ended in an earlier process, or in another one.
    pub(super) async fn kept(&self, row: &Row) -> Result<Response<ResponseBody>, Refusal> {
        let body = self.kept_body(row, Bytes::new(), Bytes::new()).await?;
        let mut response = Response::new(body);
        *response.status_mut() = row.status.unwrap_or(StatusCode::OK);
        *response.headers_mut() = row.headers.clone();
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    pub(super) async fn kept_body(
        &self,
        row: &Row,
        before: Bytes,
        after: Bytes,
    ) -> Result<ResponseBody, Refusal> {
        if row.state != State::Kept {
            return Err(unknown(row.id));
        }
        match tokio::fs::File::open(self.file(row.id)).await {
            Ok(file) => return Ok(ResponseBody::of_file(before, file, row.length, after)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It is there, and cannot be had now.
            Err(error) => return Err(not_reached(row, &error)),
        }
        let Some(store) = self.0.store.get() else {
            return Err(gone(row));
        };
        match store.get(row.id).await {
            Ok(Some(answer)) => Ok(ResponseBody::of_stored(before, answer, after)),
            Ok(None) => Err(gone(row)),
            Err(error) => Err(not_reached(row, &*error)),
        }
    }

    /// 202 with where to ask.
    pub(super) fn accepted(&self, row: &Row) -> Response<ResponseBody> {
        let body = self.ticket(row, "processing");
        let mut response = json_response(StatusCode::ACCEPTED, &body);
        let headers = response.headers_mut();
        if let Ok(location) = HeaderValue::try_from(format!("{PATH}{}", row.id)) {
            headers.insert(header::LOCATION, location);
        }
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(ASK_AGAIN));
        headers.insert(
            "preference-applied",
            HeaderValue::from_static("respond-async"),
        );
        response
    }

    /// What is said of an operation, in the form that clients of other gateways' image tasks read.
    pub(super) fn ticket(&self, row: &Row, status: &str) -> Value {
        let id = row.id.to_string();
        let keep = i64::try_from(self.0.policy.keep.as_secs()).unwrap_or(i64::MAX);
        let began = row.began / 1000;
        json!({
            "id": id,
            "task_id": id,
            "object": "image.generation.task",
            "status": status,
            "created_at": began,
            "expires_at": began.saturating_add(keep),
            "poll_url": format!("{PATH}{id}"),
        })
    }
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::of_bytes(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = body["id"].as_str().and_then(|id| id.try_into().ok()) {
        headers.insert(OPERATION, id);
    }
    response
}

/// The store does not answer now; the answer is there.
fn not_reached(row: &Row, error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(operation = %row.id, error, "the store of answers does not answer");
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "answer_unavailable",
        format!(
            "the answer of {} is kept, and cannot be read now; nothing was sent again",
            row.id
        ),
    )
    .again_after(Duration::from_secs(5))
}

pub(super) fn gone(row: &Row) -> Refusal {
    Refusal::new(
        StatusCode::GONE,
        "answer_gone",
        format!(
            "the answer of {} is no longer kept; it was paid for, and nothing was sent again",
            row.id
        ),
    )
}
