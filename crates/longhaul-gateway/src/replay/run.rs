//! One operation, on its own task: from the call to the last byte on the disk.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::{
    PublicId, ResponseBody,
    index::{Row, State},
    layer::Replays,
    operation::{Answer, Operation},
    spool::Spool,
    words::ended_free,
};
use crate::{
    core::{BoxError, Class, Error, ErrorKind, Exposure, Money},
    dialect::Dialect,
    progress::Progress,
    refusal::{CLASS, OPERATION, Refusal},
    until_written::until_written,
    wall_clock::{millis, now},
};

/// How often an answer is put into the store, whose client tries again by itself, and how long is waited between.
const UPLOADS: u32 = 2;
const BETWEEN_UPLOADS: Duration = Duration::from_secs(1);

/// Headers of an answer that belong to one way of carrying it.
const NOT_KEPT: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::SET_COOKIE,
    header::CONNECTION,
];

pub(super) async fn run<S, B>(
    replays: Replays,
    operation: Arc<Operation>,
    inner: S,
    request: Request<Full<Bytes>>,
) where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let unfinished = Unfinished(&operation);
    let mut row = operation.row.clone();
    let stopped = tokio::select! {
        biased;
        () = call(&replays, &operation, inner, request, &mut row) => false,
        () = replays.0.stop.cancelled() => true,
    };
    if stopped && row.ended.is_none() {
        // Its attempts have their outcomes since they were dropped.
        let status = row.status.unwrap_or(StatusCode::OK);
        settle(&mut row, &operation.progress, status, false);
    }
    replays.write(&row).await;
    operation.end(row.state);
    drop(unfinished);
    replays.sweep().await;
}

/// Hands on an answer that was fetched after the process was gone that had asked for it; what it cost is known from there.
pub(super) async fn give(
    replays: &Replays,
    operation: &Arc<Operation>,
    response: Response<Full<Bytes>>,
    (class, cost): (Class, Exposure),
) {
    let mut row = operation.row.clone();
    let expected = row.possible;
    read(replays, operation, &mut row, response).await;
    row.class = Some(class.name().to_owned());
    row.certain = cost.certain().map_or(0, |money| money.micros);
    row.possible = cost.possible().or(expected);
    replays.write(&row).await;
    operation.end(row.state);
}

/// Calls, and reads the answer to its end.
async fn call<S, B>(
    replays: &Replays,
    operation: &Arc<Operation>,
    mut inner: S,
    request: Request<Full<Bytes>>,
    row: &mut Row,
) where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let dialect = Dialect::of_path(request.uri().path());
    // It was made ready by whoever polled this layer.
    let response = inner.call(request).await.map_err(Error::from_inner);
    match response {
        Ok(response) => read(replays, operation, row, response).await,
        Err(error) => {
            let refusal = match error.kind() {
                // Its callers had left before anything was sent; who has come back meanwhile may ask again.
                ErrorKind::NotStarted => ended_free(operation.id()),
                _ => Refusal::of_error(&error, dialect),
            };
            let bytes = Full::from(refusal.body_bytes(dialect));
            let response = refusal.into_response(dialect).map(|_| bytes);
            read(replays, operation, row, response).await;
        }
    }
}

/// Hands the head to all callers, and the body through the spool.
async fn read<B>(
    replays: &Replays,
    operation: &Arc<Operation>,
    row: &mut Row,
    response: Response<B>,
) where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    let headers = kept_headers(head.headers, operation);
    let path = replays.file(row.id);
    let (spool, mut writer) = Spool::begin(path).await;
    operation.answer.send_replace(Some(Answer::Head {
        status: head.status,
        headers: headers.clone(),
        spool: spool.clone(),
    }));
    row.status = Some(head.status);
    row.headers = headers;

    let mut body = std::pin::pin!(body.map_err(|error| error.into().to_string()));
    let mut broke = None;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => writer.push(data).await,
            Ok(Err(_trailers)) => {}
            Err(error) => {
                broke = Some(error);
                break;
            }
        }
    }
    // Attempts have their outcomes only now.
    settle(row, &operation.progress, head.status, broke.is_none());
    writer.end(broke.map_or(Ok(()), Err));
    match spool.whole() {
        Some(length) => {
            row.length = length;
            if row.state == State::Kept && !replays.keep(row.id, &spool).await {
                // It is lost for whoever comes after those who wait now.
                row.state = State::Unknown;
            }
        }
        None if row.state == State::Kept => row.state = State::Unknown,
        None => {}
    }
}

/// What it came to: whose money, and whether its key may be used anew.
fn settle(row: &mut Row, progress: &Progress, status: StatusCode, whole: bool) {
    let attempts = progress.attempts();
    let may_have_paid = progress.may_have_paid();
    row.state = match (may_have_paid, whole) {
        (_, true) if status.is_success() => State::Kept,
        (false, _) => State::Free,
        (true, true) => State::Kept,
        (true, false) => State::Unknown,
    };
    row.ended = Some(millis(now()));
    let (mut certain, mut possible) = (0_i64, None::<Money>);
    let mut known = true;
    for attempt in &attempts {
        let Some(outcome) = attempt.outcome_now() else {
            continue;
        };
        row.class = Some(outcome.class.name().to_owned());
        match (outcome.exposure.certain(), outcome.exposure.possible()) {
            (Some(charged), Some(most)) => {
                certain = certain.saturating_add(charged.micros);
                possible = Some(possible.map_or(most, |sum| sum.checked_add(most).unwrap_or(sum)));
            }
            _ => known = false,
        }
    }
    row.certain = certain;
    if known {
        // Nothing was attempted, or all of it has a price: what was expected no longer counts.
        row.possible = possible.or_else(|| row.possible.map(Money::zero));
    }
    if row.class.is_none() && !may_have_paid {
        row.class = Some(Class::NotBegun.name().to_owned());
    }
}

fn kept_headers(mut headers: HeaderMap, operation: &Operation) -> HeaderMap {
    for name in &NOT_KEPT {
        headers.remove(name);
    }
    if let Ok(id) = HeaderValue::try_from(operation.id().to_string()) {
        headers.insert(OPERATION, id);
    }
    let class = operation.progress.attempts();
    let class = class.last().and_then(crate::core::Attempt::class);
    if let Some(class) = class {
        headers
            .entry(CLASS)
            .or_insert(HeaderValue::from_static(class.name()));
    }
    headers
}

impl Replays {
    /// Keeps a whole answer for whoever comes later; false where there is no room for it anywhere.
    async fn keep(&self, id: PublicId, spool: &Spool) -> bool {
        let Some(store) = self.0.store.get() else {
            return keep_file(spool);
        };
        for left in (0..UPLOADS).rev() {
            let answer = ResponseBody::of_whole(spool.clone()).await;
            match store.put(id, answer).await {
                Ok(()) => {
                    spool.set_stored();
                    let _ = tokio::fs::remove_file(self.file(id)).await;
                    return true;
                }
                Err(error) => {
                    tracing::error!(operation = %id, error, left, "an answer is not stored");
                }
            }
            tokio::time::sleep(BETWEEN_UPLOADS).await;
        }
        // This process still has it.
        keep_file(spool)
    }

    /// Writes down how it ended; an error is logged, and its outcome stays unknown.
    pub(super) async fn write(&self, row: &Row) {
        let what = format!("the end of operation {}", row.id);
        until_written(&what, || self.0.index.end(row.clone())).await;
    }
}

fn keep_file(spool: &Spool) -> bool {
    let whole = spool.is_on_disk();
    if whole {
        spool.keep();
    }
    whole
}

/// Lets nobody wait for an operation whose task is gone.
struct Unfinished<'a>(&'a Operation);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.lost();
    }
}
