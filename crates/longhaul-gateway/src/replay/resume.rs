//! Operations of a process that is gone, whose answers are fetched by this one.

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

    /// Nobody knows, and it is written down so.
    pub(crate) async fn unknown(self) {
        let mut row = self.operation.row.clone();
        row.state = State::Unknown;
        row.ended = Some(crate::wall_clock::millis(crate::wall_clock::now()));
        self.replays.write(&row).await;
    }
}

impl Drop for Resumed {
    fn drop(&mut self) {
        self.operation.lost();
        // Its row tells from now on.
        if self.operation.state() == State::Unknown {
            self.replays.0.operations.forget(self.operation.id());
        }
    }
}
