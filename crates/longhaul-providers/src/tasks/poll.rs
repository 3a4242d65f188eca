//! Asking after a task until it has ended.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, request, response::Parts};
use http_body::Body;
use longhaul::BoxError;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tower_service::Service;

use super::{
    TaskReport,
    dialect::Dialect,
    rate::Rate,
    told::{Told, told},
    wait::{self, Waits},
};
use crate::{
    exchange::{Account, JoinedBody, Read, asked_again, read},
    json,
};

/// How a task ended, or the waiting for it.
pub(super) enum Ended<R> {
    /// It is told in this answer: done, failed, cancelled or cut short.
    Told(Told, Box<Parts>, Bytes),
    /// The answer is too long to be read: it is the poll's own, and handed on.
    Long(Box<Parts>, JoinedBody<R>),
    Lost(StatusCode),
    Unauthorized(StatusCode),
    Deadline,
}

/// Who asks, and how long.
pub(super) struct Poller<'a, S> {
    pub(super) client: S,
    /// Whose keys are sent.
    pub(super) head: &'a request::Parts,
    pub(super) dialect: &'a Dialect,
    pub(super) rate: &'a Rate,
    pub(super) account: Account,
    pub(super) waits: Waits,
    pub(super) poll_timeout: Duration,
    pub(super) longest_answer: usize,
    /// Until then a task that is not found may only be late.
    pub(super) grace: Instant,
    pub(super) deadline: Instant,
    pub(super) report: TaskReport,
    /// Told of each state.
    pub(super) on_state: Box<dyn FnMut(&str) + Send + 'a>,
}

/// The answer to one question.
enum PollAnswer<R> {
    Whole(Parts, Bytes),
    Longer(Parts, JoinedBody<R>),
    /// It broke: nothing is known of the task.
    Failed,
}

impl<S> Poller<'_, S> {
    /// Polls at `uri`, first after `wait`, until the task has ended, is lost, or nobody waits any longer.
    pub(super) async fn until_ended<B, R>(&mut self, uri: &Uri, wait: Duration) -> Ended<R>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let mut wait = wait;
        loop {
            let Some(asked) = self.ask_after(wait, uri).await else {
                return Ended::Deadline;
            };
            let mut asks = None;
            match asked {
                PollAnswer::Failed => self.report.failed_polls += 1,
                // An end is told with the picture; nothing else is as long.
                PollAnswer::Longer(head, body) if head.status.is_success() => {
                    return Ended::Long(Box::new(head), body);
                }
                PollAnswer::Longer(..) => self.report.failed_polls += 1,
                PollAnswer::Whole(head, body) => {
                    asks = wait::told(&head.headers);
                    match told(self.dialect, head.status, &body) {
                        Told::Running { state, known } => {
                            if !known {
                                self.report.unknown(&state);
                            }
                            (self.on_state)(&state);
                        }
                        Told::Nothing => self.report.failed_polls += 1,
                        Told::Unauthorized => return Ended::Unauthorized(head.status),
                        Told::Unknown if Instant::now() < self.grace => {}
                        Told::Unknown => return Ended::Lost(head.status),
                        ended => return Ended::Told(ended, Box::new(head), body),
                    }
                }
            }
            wait = self.waits.next(asks);
        }
    }

    /// Fetches a result that stands behind a URL of its own. A failed task tells its failure here, as a status.
    pub(super) async fn fetched<B, R>(&mut self, uri: &Uri) -> Ended<R>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let mut wait = Duration::ZERO;
        loop {
            let Some(asked) = self.ask_after(wait, uri).await else {
                return Ended::Deadline;
            };
            let mut asks = None;
            match asked {
                PollAnswer::Failed => self.report.failed_polls += 1,
                PollAnswer::Longer(head, body) if head.status.is_success() => {
                    return Ended::Long(Box::new(head), body);
                }
                PollAnswer::Longer(..) => self.report.failed_polls += 1,
                PollAnswer::Whole(head, body) => {
                    asks = wait::told(&head.headers);
                    match head.status.as_u16() {
                        202 => {}
                        // Broken off without a word.
                        200..=299 if json::document(&body).is_none() => {
                            self.report.failed_polls += 1;
                        }
                        200..=299 => return Ended::Told(Told::Done, Box::new(head), body),
                        401 | 403 => return Ended::Unauthorized(head.status),
                        404 | 410 if Instant::now() >= self.grace => {
                            return Ended::Lost(head.status);
                        }
                        404 | 410 => {}
                        _ if self.says_why(&body) => {
                            return Ended::Told(Told::Failed, Box::new(head), body);
                        }
                        // The task failed, whatever the words; a page or a limit says nothing of it.
                        400 | 413 | 415 | 422 => {
                            return Ended::Told(Told::Failed, Box::new(head), body);
                        }
                        _ => self.report.failed_polls += 1,
                    }
                }
            }
            wait = self.waits.next(asks);
        }
    }

    /// Whether an answer names the reason of a failure.
    fn says_why(&self, body: &Bytes) -> bool {
        json::document(body).is_some_and(|document| {
            let codes = &self.dialect.failure.code;
            codes.iter().any(|code| code.text(document).is_some())
        })
    }

    /// One question after a wait; `None` where the deadline comes first.
    async fn ask_after<B, R>(&mut self, wait: Duration, uri: &Uri) -> Option<PollAnswer<R>>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        if wait >= left {
            sleep_until(self.deadline).await;
            return None;
        }
        sleep_until(now + wait).await;
        let place = self.rate.place(self.account);
        if place >= self.deadline {
            sleep_until(self.deadline).await;
            return None;
        }
        sleep_until(place).await;
        self.report.polls += 1;
        timeout_at(self.deadline, self.ask(uri)).await.ok()
    }

    async fn ask<B, R>(&mut self, uri: &Uri) -> PollAnswer<R>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let asked = asked_again(&mut self.client, self.head, Method::GET, uri.clone());
        let Ok(Ok(response)) = timeout(self.poll_timeout, asked).await else {
            return PollAnswer::Failed;
        };
        let (head, body) = response.into_parts();
        match read(body, self.longest_answer, Some(self.poll_timeout)).await {
            Read::Whole(body) => PollAnswer::Whole(head, body),
            Read::Longer(begun, rest) => {
                PollAnswer::Longer(head, JoinedBody::joined([begun], rest))
            }
            Read::Broken(_) => PollAnswer::Failed,
        }
    }
}
