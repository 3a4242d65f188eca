//! One operation, on its own task: from the call to the last byte on the disk.
//!
//! The order is what the promises rest on:
//!
//! 1. The head goes to all callers as soon as it is here, with the spool that the body will fill.
//! 2. Every piece is in the spool, on the disk where that takes it, before any caller reads it.
//! 3. The attempts have their outcomes when the body has ended: only then is it known what the operation cost and
//!    whether its key may begin anew.
//! 4. The answer is kept, in the folder or in the store, and then the row says so: no row promises an answer that is
//!    not there.
//! 5. The row is written. After that the operation has ended for those who come later.
//!
//! A task that is stopped, or whose runtime ends, skips to the last two: `Unfinished` tells those who wait.

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
///
/// Two, since the client behind the store repeats requests for a minute by itself; what a second upload repairs is
/// one that broke in the middle of a body.
const UPLOADS: u32 = 2;
const BETWEEN_UPLOADS: Duration = Duration::from_secs(1);

/// Headers of an answer that belong to one way of carrying it.
///
/// The length is counted anew from what is kept, an encoding of the transfer is another one for each caller, and a
/// cookie was for whoever called first.
const NOT_KEPT: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::SET_COOKIE,
    header::CONNECTION,
];

/// The call is polled before the stop, so that an answer that is there in the same instant is kept. What the stop
/// drops has its outcome from its own guards, and is settled by them: nothing is guessed.
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
    let unfinished = Unfinished(&replays, &operation);
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
    replays.end(&operation, &row).await;
    if row.state == State::Free {
        operation.refuse(ended_free(operation.id()));
    }
    drop(unfinished);
    replays.sweep().await;
}

/// Hands on an answer that was fetched after the process was gone that had asked for it; what it cost is known from there.
///
/// Class and cost are those of the collected task's entry: the operation of this process has no attempts of its own
/// to read them from.
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
    replays.end(operation, &row).await;
}

/// Calls, and reads the answer to its end.
///
/// An error is written as the answer that its caller would get, and kept like one: who comes back reads the same
/// words and not a vaguer second hand.
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
///
/// Trailers are dropped: nothing that pictures come with has any. The error of a body that breaks off goes to the
/// callers as text, since each of them gets one and errors cannot be cloned.
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
            if row.state == State::Kept {
                if !keep_file(&spool) {
                    // It is lost for whoever comes after those who wait now.
                    row.state = State::Unknown;
                }
                if replays.store(row.id, &spool).await {
                    row.state = State::Kept;
                }
            }
        }
        None if row.state == State::Kept => row.state = State::Unknown,
        None => {}
    }
}

/// What it came to: whose money, and whether its key may be used anew.
///
/// | may it have been charged | answer | state |
/// |---|---|---|
/// | either | whole, with a status of success | kept |
/// | no | any other | free: its key begins anew |
/// | yes | whole, a failure | kept: the same failure for whoever comes back |
/// | yes | broken off, or none | unknown |
///
/// Costs are summed over attempts that have a price; with one that has none, what was expected stays as the possible
/// amount.
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
    let mut costs = Costs::default();
    let mut known = true;
    for attempt in &attempts {
        let Some(outcome) = attempt.outcome_now() else {
            continue;
        };
        row.class = Some(outcome.class.name().to_owned());
        match (outcome.exposure.certain(), outcome.exposure.possible()) {
            (Some(charged), Some(most)) => costs.add(charged, most),
            _ => known = false,
        }
    }
    row.certain = costs.certain;
    if known {
        // Nothing was attempted, or all of it has a price: what was expected no longer counts.
        row.possible = costs.possible.or_else(|| row.possible.map(Money::zero));
    }
    if row.class.is_none() && !may_have_paid {
        row.class = Some(Class::NotBegun.name().to_owned());
    }
}

/// What an operation's attempts cost together: a row has room for one currency, the first in which anything may be
/// charged. What is charged in a second one is in the ledger alone.
#[derive(Clone, Copy, Default)]
pub(super) struct Costs {
    pub(super) certain: i64,
    pub(super) possible: Option<Money>,
}

impl Costs {
    pub(super) fn add(&mut self, certain: Money, possible: Money) {
        let sum = match self.possible {
            Some(sum) if sum.micros > 0 => sum.checked_add(possible),
            _ => Some(possible),
        };
        if sum.is_some() {
            self.possible = sum;
            self.certain = self.certain.saturating_add(certain.micros);
        }
    }
}

/// The operation's name is on every answer, also where the provider failed: it is what a person needs to ask anybody
/// about it.
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
    /// Puts a whole answer into the store; false where there is none, or it takes nothing.
    ///
    /// Each upload reads the answer from the spool anew. The file goes only when the store has all of it. Where the store
    /// takes nothing, or the upload is stopped, this process keeps the file, and callers that come back to it get their
    /// picture.
    async fn store(&self, id: PublicId, spool: &Spool) -> bool {
        let Some(store) = self.0.store.get() else {
            return false;
        };
        for left in (0..UPLOADS).rev() {
            let put = match ResponseBody::of_spool(spool.clone()).await {
                Ok(Some(answer)) => store.put(id, answer).await,
                Ok(None) => Err("its file is gone".into()),
                Err(error) => Err(error.into()),
            };
            match put {
                Ok(()) => {
                    let _ = tokio::fs::remove_file(self.file(id)).await;
                    return true;
                }
                Err(error) => {
                    tracing::error!(operation = %id, error, left, "an answer is not stored");
                }
            }
            tokio::time::sleep(BETWEEN_UPLOADS).await;
        }
        false
    }

    /// Writes down how an operation ended, and says so to those who have it. One without an answer is forgotten here: its
    /// row tells what became of it, and nobody needs what is left of its answer in memory.
    pub(super) async fn end(&self, operation: &Operation, row: &Row) {
        self.write(row).await;
        operation.end(row.state);
        if row.state == State::Unknown {
            self.0.operations.forget(operation.id());
        }
    }

    /// The task of an operation is gone: where it had not ended, its outcome is unknown. Whoever waits for it is refused.
    ///
    /// For destructors, on every way out, a panic among them.
    pub(super) fn lost(&self, operation: &Operation) {
        if operation.state() == State::Running {
            self.write_later(operation.row.ended_as(State::Unknown));
        }
        operation.lost();
        if operation.state() == State::Unknown {
            self.0.operations.forget(operation.id());
        }
    }

    /// Writes an end down on a task, where nobody can wait for it: in a destructor, or for a caller that is refused.
    pub(super) fn write_later(&self, row: Row) {
        let replays = self.clone();
        let written = async move { replays.write(&row).await };
        self.0.tasks.spawn(written);
    }

    /// Writes down how it ended, however long the database is gone: see [`until_written`].
    pub(super) async fn write(&self, row: &Row) {
        let what = format!("the end of operation {}", row.id);
        until_written(&what, || self.0.index.end(row.clone())).await;
    }
}

/// Keeps the file for whoever comes later; false where a part of the answer is in memory alone, since the disk did not
/// take it.
fn keep_file(spool: &Spool) -> bool {
    let whole = spool.is_on_disk();
    if whole {
        spool.keep();
    }
    whole
}

/// Lets nobody wait for an operation whose task is gone.
///
/// Dropped after a normal end it changes nothing.
struct Unfinished<'a>(&'a Replays, &'a Operation);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.lost(self.1);
    }
}
