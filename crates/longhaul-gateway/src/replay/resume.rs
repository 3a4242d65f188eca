//! Operations of a process that is gone, whose answers are fetched by this one.
//!
//! A gateway dies while a task runs at the provider; another process finds the handle in the ledger and fetches the
//! picture. By then the row of the operation says "unknown", and its caller would be refused. Here the row is taken
//! up, by one process only (the index decides), and runs again without an attempt: who comes back waits, and gets the
//! picture or the same refusal as before.
//!
//! `answered` and `unknown` write the end. One that is dropped without either, because a database failed in between,
//! is written down as unknown too: else its callers would wait for as long as this process lives.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::{PublicId, index::State, layer::Replays, operation::Operation, run::give};
use crate::core::{BoxError, Class, Exposure};

/// An operation that a process that is gone began: who comes back for it waits until its answer is here. Dropped, its outcome
/// is as unknown as before.
pub(crate) struct Resumed {
    replays: Replays,
    operation: Arc<Operation>,
}

/// What an operation came to, and what it cost.
pub(crate) struct LateAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) class: Class,
    pub(crate) cost: Exposure,
}

impl Replays {
    /// Takes up the operation of this name, whose outcome is unknown; `None` where there is no such, or another process took
    /// it up.
    ///
    /// It counts as one that may have been charged and that somebody comes back for: a heartbeat keeps the line of
    /// whoever waits, and nothing ends it for want of callers.
    pub(crate) async fn resume(&self, id: PublicId) -> Result<Option<Resumed>, BoxError> {
        let Some(row) = self.0.index.resume(id).await? else {
            return Ok(None);
        };
        let operation = self.0.operations.insert(Operation::new(row));
        operation.begun();
        operation.progress.run_on();
        operation.progress.runs_elsewhere();
        Ok(Some(Resumed {
            replays: self.clone(),
            operation,
        }))
    }
}

impl Resumed {
    /// Hands the answer to everybody who waits, and keeps it for whoever comes later.
    ///
    /// JSON by its type: tasks are asked for as JSON, and answer so.
    pub(crate) async fn answered(self, answer: LateAnswer) {
        let mut response = Response::new(Full::from(answer.body));
        *response.status_mut() = answer.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        give(
            &self.replays,
            &self.operation,
            response,
            (answer.class, answer.cost),
        )
        .await;
    }

    /// Writes down that its outcome is unknown.
    ///
    /// The picture was not fetched this time: the next round of collecting takes the operation up again.
    pub(crate) async fn unknown(self) {
        let row = self.operation.row.ended_as(State::Unknown);
        self.replays.end(&self.operation, &row).await;
    }
}

impl Drop for Resumed {
    fn drop(&mut self) {
        self.replays.lost(&self.operation);
    }
}
