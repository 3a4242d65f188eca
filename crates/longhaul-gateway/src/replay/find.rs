//! The operation that a request belongs to: one that runs, one that ended, or a new one.
//!
//! Two places know operations: the list of this process, which is exact and quick, and the index, which all processes
//! share and which survives them. The list is asked first and under one lock together with the insertion, so that of
//! two equal requests at the same moment exactly one is new. The index decides between processes: its unique key lets
//! one of two beginnings through, and the other gets that one's row.
//!
//! A beginning that may or may not have been written (the database died in between, the caller left) is always
//! followed by an end of the state `free`: otherwise a key would lead to an operation that never ran, and whoever
//! comes with it would wait for nobody.
//!
//! Tests: `the_same_key_attaches_while_it_runs_and_is_replayed_later`,
//! `two_retries_of_two_equal_requests_get_two_pictures`.

use std::{
    error::Error,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use http::{StatusCode, request::Parts};
use metrics::counter;

use super::{
    ExpectedCost, PublicId,
    asked::OperationRequest,
    index::{Digest, Row, State},
    layer::Replays,
    operation::{Answer, Operation, Wanted},
    words::{ended_free, unavailable, unknown, without_answer},
};
use crate::{
    core::{BoxError, Money},
    refusal::Refusal,
    until_written::NotReached,
    wall_clock::now,
};

/// Between two looks at an operation of another process.
///
/// The index has no way to call back that SQLite and PostgreSQL share; a read a second for each caller that waits is
/// nothing beside a picture.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long an SDK's retry waits for an operation to lose the caller that it comes from.
///
/// A retry may overtake the news that its first connection is gone, which is a matter of milliseconds on one machine
/// and of a load balancer's patience elsewhere. After it, a caller that still waits is taken for another one, and the
/// retry does not attach to its operation.
const NOTICE: Duration = Duration::from_secs(1);

impl Replays {
    /// The operation that a request belongs to, and whether it is new. A new one is durable already.
    ///
    /// It goes round again where the operation that it found cost nothing, or where its caller accepts a second
    /// charge: that one gives up its key first. Each round makes a new id, since a row that lost the race may have
    /// been written.
    pub(super) async fn operation(
        &self,
        asked: &OperationRequest,
        head: &Parts,
    ) -> Result<(Arc<Operation>, bool), Refusal> {
        let policy = &self.0.policy;
        let wanted = match asked.key {
            Some(key) => Some(Wanted::Key(key)),
            None if asked.retry => Some(Wanted::Retry(policy.sdk_retries_within)),
            None if policy.coalesce => Some(Wanted::Running),
            None => None,
        };
        if matches!(wanted, Some(Wanted::Retry(_))) {
            self.notice_loss(asked).await;
        }
        let expected = head.extensions.get::<ExpectedCost>().map(|cost| cost.0);
        loop {
            let id = PublicId::new().map_err(|error| unavailable(&error))?;
            let row = Row::begun(
                id,
                asked.scope,
                asked.caller.clone(),
                asked.key,
                asked.request,
                expected,
            );
            let new = || Operation::new(row.clone());
            let operations = &self.0.operations;
            let (operation, is_new) =
                operations.find_or_insert(wanted, new, asked.scope, asked.request);
            if !is_new {
                check_request(&operation.row, asked.request)?;
                operation.is_begun().await;
                match operation.state() {
                    State::Running | State::Kept if !asked.wants_new(&operation) => {
                        return Ok((operation, false));
                    }
                    // Its row tells what became of it, here as in every other process.
                    State::Unknown => operations.forget(operation.id()),
                    // It cost nothing, or its caller accepts a second charge.
                    _ => self.give_up(&operation.row).await?,
                }
                continue;
            }

            let mut beginning = Beginning {
                replays: self.clone(),
                operation: operation.clone(),
                known: false,
            };
            let begun = self.begin(asked, wanted, &row).await;
            beginning.known = true;
            match begun {
                Ok(None) => return Ok((operation, true)),
                Ok(Some(known)) => {
                    let known = Answer::Known(Box::new(known));
                    operation.answer.send_replace(Some(known));
                    operation.end(State::Free);
                    operations.forget(operation.id());
                    return Ok((operation, false));
                }
                Err(refusal) => {
                    operation
                        .answer
                        .send_replace(Some(Answer::Refused(refusal.clone())));
                    operation.end(State::Free);
                    operations.forget(operation.id());
                    return Err(refusal);
                }
            }
        }
    }

    /// Writes down that an operation begins. Returns an earlier operation in its place, where that has the answer or
    /// will have it.
    ///
    /// What an earlier row means for a request is [`is_answer`]'s to say. Where it is none, its key is taken from it, and the
    /// beginning is written again.
    async fn begin(
        &self,
        asked: &OperationRequest,
        wanted: Option<Wanted>,
        row: &Row,
    ) -> Result<Option<Row>, Refusal> {
        let index = &self.0.index;
        let failed = |error: BoxError| unavailable(&*error);
        if let Some(Wanted::Retry(window)) = wanted {
            let since = now().checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH);
            let known = index
                .by_request(asked.scope, asked.request, since)
                .await
                .map_err(failed)?;
            if let Some(known) = known
                && is_answer(&known, asked)?
            {
                return Ok(Some(known));
            }
        }
        loop {
            let begun = index.begin(row.clone()).await;
            let begun = begun.inspect_err(|error| self.never_began(row, &**error));
            let Some(known) = begun.map_err(failed)? else {
                return Ok(None);
            };
            check_request(&known, asked.request)?;
            if is_answer(&known, asked)? {
                return Ok(Some(known));
            }
            index.release_key(known.id).await.map_err(failed)?;
        }
    }

    /// Unless it was not reached, the database may have written the beginning down before it was gone: nobody must wait for
    /// its end.
    ///
    /// Written on a task: the caller is refused at once and does not wait for the database.
    fn never_began(&self, row: &Row, error: &(dyn Error + 'static)) {
        if !error.is::<NotReached>() {
            self.write_later(row.freed());
        }
    }

    /// An SDK's retry may come before anybody has noticed that the line of its first request is gone.
    ///
    /// Without this, an SDK that gives up and asks again within the same millisecond would pay twice.
    async fn notice_loss(&self, asked: &OperationRequest) {
        let operations = &self.0.operations;
        let Some(operation) = operations.has_caller(asked.scope, asked.request) else {
            return;
        };
        let gone = std::future::poll_fn(|cx| {
            operation.progress.watch(cx);
            match operation.progress.callers() {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        let _ = tokio::time::timeout(NOTICE, gone).await;
    }

    /// Waits until an operation of another process has ended.
    ///
    /// It waits for a database that is gone, too: the operation runs on elsewhere. A row that vanished, or that turned out
    /// free, is told as such; there is nothing to attach to, and nothing was sent for this request.
    pub(super) async fn ended(&self, mut row: Row) -> Result<Row, Refusal> {
        while row.state == State::Running {
            tokio::time::sleep(LOOK_AGAIN).await;
            match self.0.index.get(row.id).await {
                Ok(known) => row = known.ok_or_else(|| unknown(row.id))?,
                Err(error) => tracing::debug!(error, "whether an operation has ended is not known"),
            }
        }
        if row.state == State::Free {
            return Err(ended_free(row.id));
        }
        Ok(row)
    }

    /// Frees the key of an operation that ended, so that the next round can begin one. The row stays, with what it
    /// cost.
    async fn give_up(&self, row: &Row) -> Result<(), Refusal> {
        self.0.operations.forget(row.id);
        if row.key.is_some() {
            self.0
                .index
                .release_key(row.id)
                .await
                .map_err(|error| unavailable(&*error))?;
        }
        Ok(())
    }
}

/// Until it is known that an operation is written down. Dropped before, its caller has left meanwhile: then it ends free of
/// charge, and whoever came for it begins anew.
///
/// It stands on the caller's own future, which a server drops when the line is cut, also in the middle of the
/// database's answer.
struct Beginning {
    replays: Replays,
    operation: Arc<Operation>,
    known: bool,
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if self.known {
            self.operation.begun();
            return;
        }
        let (replays, operation) = (self.replays.clone(), self.operation.clone());
        self.replays.0.tasks.spawn(async move {
            replays.write(&operation.row.freed()).await;
            operation.end(State::Free);
            replays.0.operations.forget(operation.id());
            operation.begun();
        });
    }
}

impl Row {
    /// As one that ended before anything was sent.
    ///
    /// The money that was expected of it is given back: nothing was sent.
    fn freed(&self) -> Self {
        Self {
            possible: self.possible.map(Money::zero),
            ..self.ended_as(State::Free)
        }
    }

    /// Whether it is worth keeping from a second charge: a picture is, a kept failure is not.
    pub(super) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }
}

/// Whether an earlier operation has the answer to a request, or will have it. If not, another one may begin: it cost
/// nothing, or its caller accepts a second charge.
fn is_answer(known: &Row, asked: &OperationRequest) -> Result<bool, Refusal> {
    match known.state {
        State::Running => Ok(true),
        State::Kept => Ok(known.succeeded() || !asked.send_again),
        State::Free => Ok(false),
        State::Unknown if asked.send_again => Ok(false),
        State::Unknown => {
            counter!("longhaul.replays", "how" => "refused").increment(1);
            Err(without_answer(known))
        }
    }
}

/// The same key for another picture is a mistake of the caller's program; answering with the first picture would hide
/// it. 422 is what the draft standard for the header says.
fn check_request(known: &Row, request: Digest) -> Result<(), Refusal> {
    if known.request == request {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "key_reuse",
        "this idempotency key belongs to another request; nothing was sent: send this one under a new key",
    ))
}
