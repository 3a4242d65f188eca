//! Kept answers, and the address of those that are still to come.
//!
//! An answer that is kept is in the folder of the process that fetched it, or in the store that all share, and never
//! in both once the upload is done. It is looked for in this order, since a file costs no network. What is there and
//! cannot be read now is 503; only what is gone is 410, so that nobody takes a store that hangs for a picture that is
//! lost.
//!
//! Test: `a_whole_answer_is_in_the_store_and_comes_from_there`.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    PublicId, REPLAYED, ResponseBody,
    index::{Row, State},
    layer::Replays,
    spool::Spool,
    words::{gone, without_answer},
};
use crate::refusal::{OPERATION, Refusal};

/// Where operations are collected.
///
/// Under `/v1/`, so that a client whose base URL ends there reaches it with the key and the base URL that it has.
/// `collect` answers at it; the program asks no upstream for any path below `/v1/longhaul`.
pub(crate) const PATH: &str = "/v1/longhaul/operations/";
/// When a client should ask again, in seconds.
///
/// A poll is one row read from the index. Three seconds are short beside the minutes of a picture, and long beside
/// the read.
const ASK_AGAIN: &str = "3";

impl Replays {
    /// The answer of an operation that ended in an earlier process, or in another one.
    ///
    /// Status and headers are those that the first caller got, with the mark that it is a replay.
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

    /// The body of a kept answer, with `before` and `after` around it: the address of an operation shows the answer
    /// inside of its own JSON, and a picture of 40 MB is not read into memory for that.
    pub(super) async fn kept_body(
        &self,
        row: &Row,
        before: Bytes,
        after: Bytes,
    ) -> Result<ResponseBody, Refusal> {
        if row.state != State::Kept {
            return Err(without_answer(row));
        }
        match tokio::fs::File::open(self.file(row.id)).await {
            Ok(file) => Ok(ResponseBody::of_file(before, file, row.length, after)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.stored(row.id, before, after).await
            }
            // It is there, and cannot be had now.
            Err(error) => Err(not_reached(row.id, &error)),
        }
    }

    /// The answer of an operation of this process, as it comes or as it is kept.
    pub(super) async fn coming(&self, id: PublicId, spool: Spool) -> Result<ResponseBody, Refusal> {
        match ResponseBody::of_spool(spool).await {
            Ok(Some(body)) => Ok(body),
            Ok(None) => self.stored(id, Bytes::new(), Bytes::new()).await,
            Err(error) => Err(not_reached(id, &error)),
        }
    }

    async fn stored(
        &self,
        id: PublicId,
        before: Bytes,
        after: Bytes,
    ) -> Result<ResponseBody, Refusal> {
        let Some(store) = self.0.store.get() else {
            return Err(gone(id));
        };
        match store.get(id).await {
            Ok(Some(answer)) => Ok(ResponseBody::of_stored(before, answer, after)),
            Ok(None) => Err(gone(id)),
            Err(error) => Err(not_reached(id, &*error)),
        }
    }

    /// 202 with where to ask.
    ///
    /// `Preference-Applied` says that the preference was understood, as RFC 7240 wants it; a server that does not
    /// know `respond-async` leaves it out, and answers with the picture.
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
    ///
    /// `id` and `task_id` are the same: relays for image tasks use one name or the other. `expires_at` counts from
    /// the beginning, so that it is rather too early than too late: the answer is kept from the end on.
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

/// Never stored on the way: the state of an operation is another one a second later.
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
///
/// 503 with a wait of 5 s and not 410: a client that reads "gone" throws its order away.
fn not_reached(id: PublicId, error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(operation = %id, error, "a kept answer cannot be read");
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "answer_unavailable",
        format!("the answer of {id} is kept, and cannot be read now; nothing was sent again"),
    )
    .again_after(Duration::from_secs(5))
}
