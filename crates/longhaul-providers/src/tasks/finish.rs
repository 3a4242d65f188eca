//! The end of an exchange: the answer to the caller, and what the books are told.
//!
//! Every end of a task is told three times: to the caller as an answer or an error, to the attempt's handle (and by it
//! to the ledger), and to the place of the operation, which forgets the task or keeps it open. This is the one file
//! where the three are written side by side, so that they agree:
//!
//! | end | to the caller | to the books | the place |
//! |---|---|---|---|
//! | done, or cut short without an error | the unary answer | collected | forgets |
//! | done, with an answer that is handed on unread | the answer as it comes | collected, when its last byte has come | forgets then |
//! | failed, cancelled, cut short | an answer with an error's status | failed, and its cost where that is known | forgets |
//! | lost | `TaskError::Lost` | lost, `Undelivered` | forgets |
//! | the key may not ask | `TaskError::Unauthorized` | `Undelivered` | keeps |
//! | the answer is too long to hold, and to be read | `TaskError::TooLong` | `Undelivered` | keeps |
//! | it was taken, and its id or its host is none to ask at | `TaskError::BadId`, `ForeignHost` | a handle that nobody can poll, `Undelivered` | keeps why |
//! | the result is at a host that gets no key | `TaskError::ForeignHost` | `Undelivered` | keeps |
//! | the deadline | `Timeout` with `TaskError::Open` | nothing | keeps |
//!
//! Where the books are told no end, the ledger keeps the handle open, and whoever has it may collect the task.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, Uri};
use longhaul::{
    Attempt, Class, Error, ErrorKind, attempt::TaskEnd, classify::Probability, error::Clock,
};

use super::{
    TaskError, TaskHandle, TaskReport,
    answer::{self, TASK_HEADER, Unary},
    dialect::From,
    exchange::Running,
    open::{OpenTask, Place},
    poll::{Ended, Poller},
    submit::host_of,
    told::Told,
};
use crate::{
    exchange::{Bytewise, Client, JoinedBody, Origin},
    json,
};

impl Running<'_> {
    /// Whether the handle is durable, or nobody keeps it. The task is paid for either way, and is polled.
    ///
    /// It waits for whoever keeps handles: the first poll leaves after that, so a crash cannot lose a task that was
    /// polled for.
    pub(super) async fn noted(&self, handle: &TaskHandle) -> bool {
        let Some(attempt) = &self.attempt else {
            return true;
        };
        let noted = attempt.note_task(handle.clone()).await;
        #[cfg(feature = "tracing")]
        if let Err(error) = &noted {
            tracing::error!(
                task = &*handle.id,
                error = &**error as &dyn std::error::Error,
                "the handle of a task could not be written down: a crash loses it"
            );
        }
        noted.is_ok()
    }

    /// Has it written down that a submit leaves now, or that it began nothing. The submit leaves in any case: its entry is
    /// there.
    ///
    /// With a dialect a submit leaves; with `None` the host took no task, and the note is withdrawn.
    pub(super) async fn note_submit(&self, dialect: Option<&str>) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        let noted = attempt.note_submit(dialect).await;
        #[cfg(feature = "tracing")]
        if let Err(error) = &noted {
            tracing::warn!(
                dialect,
                error = &**error as &dyn std::error::Error,
                "it could not be written down that a task is submitted: if its answer is lost, nobody knows where to ask"
            );
        }
        drop(noted);
    }

    /// A task that was taken and cannot be asked after is written down, for somebody to look for it by its id, and stays open:
    /// nothing is submitted again, by this call or by the next one of its operation.
    ///
    /// What is no id is left out of the handle, since it may be anything, and a ledger has no use for such a handle: its entry
    /// says `Undelivered`, which a claim is made of. Any other error is handed on as it is.
    pub(super) async fn unreachable(&self, error: Error, place: Option<&Arc<Place>>) -> Error {
        let source = std::error::Error::source(&error);
        let Some(why) = source.and_then(|source| source.downcast_ref::<TaskError>()) else {
            return error;
        };
        let (dialect, id) = match why {
            TaskError::ForeignHost { dialect, id, .. } => (dialect, &**id),
            TaskError::BadId { dialect } => (dialect, ""),
            _ => return error,
        };
        let handle = TaskHandle::new(dialect.clone(), id, "", None);
        if let Some(place) = place {
            place.set(Some(OpenTask {
                handle: handle.clone(),
                submitted_by: self.attempt.clone(),
                durable: false,
                unreachable: Some(why.clone()),
            }));
        }
        self.noted(&handle).await;
        self.failed(why.clone())
    }

    /// Says how the task ended, to the books and to the place of its operation, and what it costs by the provider's own
    /// rules.
    ///
    /// Only a dialect that documents what a failed task costs says a probability here: fal charges nothing.
    fn note_end(&self, end: TaskEnd, place: Option<&Arc<Place>>) {
        over(self.attempt.as_ref(), place, end);
        if end == TaskEnd::Failed
            && let Some(attempt) = &self.attempt
            && let Some(costs) = self.plan.dialect.failure.costs
        {
            attempt.note_charged(Probability::permille(costs));
        }
    }

    /// The result, in place of the word that the task is done, where it stands behind a URL of its own.
    ///
    /// fal's queue works so. The URL is told by the poll or was told by the submit; it gets the key only where a poll
    /// would.
    pub(super) async fn with_result<S, B, R>(
        &self,
        poller: &mut Poller<'_, S>,
        ended: Ended<R>,
        submitted: Option<Bytes>,
    ) -> Result<Ended<R>, Error>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        match &ended {
            Ended::Told(Told::Done, _, body) if self.plan.dialect.result.from == From::Fetched => {
                let uri = self.result_uri(&poller.report, &[Some(body.clone()), submitted])?;
                Ok(poller.fetched(&uri).await)
            }
            _ => Ok(ended),
        }
    }

    /// The answer to the caller, and what is remembered of the task.
    ///
    /// An answer that is too long to be held is handed on as it comes where it is the unary answer, and its task is open
    /// until the last byte has come: one that breaks off is collected again. Where the unary answer is to be made from it,
    /// the task stays open for somebody who can hold more.
    pub(super) fn ended<R>(
        &self,
        report: TaskReport,
        ended: Ended<R>,
        place: Option<&Arc<Place>>,
    ) -> Result<Response<JoinedBody<R>>, Error> {
        let dialect = &self.plan.dialect;
        let name = || report.handle.dialect.clone();
        let id = || report.handle.id.clone();
        let mut response = match ended {
            Ended::Told(how, head, body) => {
                let unary = answer::ended(dialect, &how, head.status, body);
                if unary.status.is_success() {
                    self.note_end(TaskEnd::Collected, place);
                    self.judge(&unary);
                } else {
                    self.note_end(TaskEnd::Failed, place);
                }
                answer::response(&head, unary)
            }
            Ended::Long(head, body) => {
                let (attempt, place) = (self.attempt.clone(), place.cloned());
                if let Some(attempt) = &attempt {
                    // The submit's own: this answer has the head that counts.
                    attempt.discard_head();
                }
                let body = body.at_end(move || {
                    over(attempt.as_ref(), place.as_ref(), TaskEnd::Collected);
                });
                Response::from_parts(*head, body)
            }
            Ended::TooLong => {
                let limit = self.shared.policy.longest_answer;
                return Err(self.failed(TaskError::TooLong {
                    dialect: name(),
                    id: id(),
                    limit,
                }));
            }
            Ended::Lost(status) => {
                self.note_end(TaskEnd::Lost, place);
                return Err(self.failed(TaskError::Lost {
                    dialect: name(),
                    id: id(),
                    status,
                }));
            }
            Ended::Unauthorized(status) => {
                return Err(self.failed(TaskError::Unauthorized {
                    dialect: name(),
                    id: id(),
                    status,
                }));
            }
            Ended::Deadline => return Err(self.expired(Some(&report))),
        };
        if let Ok(id) = HeaderValue::try_from(&*report.handle.id) {
            response.headers_mut().insert(TASK_HEADER, id);
        }
        response.extensions_mut().insert(report);
        Ok(response)
    }

    /// Where a result is to be fetched: told with the end, or with the submit.
    ///
    /// Allowed are the origin of the poll URL and the hosts of the row; else [`TaskError::ForeignHost`].
    fn result_uri(&self, report: &TaskReport, told: &[Option<Bytes>]) -> Result<Uri, Error> {
        let at = self.plan.dialect.result.at.as_ref();
        let url = told
            .iter()
            .flatten()
            .find_map(|body| at?.text(json::document(body)?));
        let origin = report.handle.poll_url.parse().ok();
        let origin = origin.as_ref().and_then(Origin::of);
        let hosts = &self.plan.dialect.task.key_hosts;
        let uri = url
            .as_ref()
            .zip(origin)
            .and_then(|(url, origin)| origin.allows(url, hosts));
        uri.ok_or_else(|| {
            self.failed(TaskError::ForeignHost {
                dialect: report.handle.dialect.clone(),
                id: report.handle.id.clone(),
                host: host_of(url.as_deref()),
            })
        })
    }

    /// Says that an answer has no picture where nobody above can: of calls that no detector recognises.
    fn judge(&self, unary: &Unary) {
        if !unary.picture
            && let Some(attempt) = &self.attempt
        {
            attempt.classify(Class::NoImage);
        }
    }

    /// The task was taken, and its picture does not come: it is owed.
    ///
    /// The class is `Undelivered`, which a claim is made of: the provider took the order.
    pub(super) fn failed(&self, error: TaskError) -> Error {
        let error = Error::from_inner(error);
        match &self.attempt {
            Some(attempt) => {
                attempt.classify(Class::Undelivered);
                error.with_attempt(attempt)
            }
            None => error,
        }
    }

    /// Nobody waits any longer.
    ///
    /// Without a report the deadline came before any task was known; with one the error tells which task stays open.
    pub(super) fn expired(&self, report: Option<&TaskReport>) -> Error {
        let error = Error::new(ErrorKind::Timeout {
            clock: Clock::Operation,
            limit: self.deadline.saturating_duration_since(self.started),
            elapsed: self.started.elapsed(),
            resolution: None,
        });
        match report {
            None => error,
            Some(report) => error.with_source(TaskError::Open {
                dialect: report.handle.dialect.clone(),
                id: report.handle.id.clone(),
                polls: report.polls,
            }),
        }
    }
}

/// A task has ended: the books are told how, and the place of its operation forgets it.
fn over(attempt: Option<&Attempt>, place: Option<&Arc<Place>>, end: TaskEnd) {
    if let Some(attempt) = attempt {
        attempt.note_task_end(end);
    }
    if let Some(place) = place {
        place.set(None);
    }
}
