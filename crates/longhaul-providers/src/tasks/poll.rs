//! Asking after a task until it has ended.
//!
//! One loop for polls and for the fetching of results: wait, take a place in the account's rate, ask, read what was
//! told. It sends at most one question at a time for a task, so a slow API is not asked faster than it answers. The
//! test `one_poll_of_a_task_is_in_flight_and_the_rate_is_kept` keeps it. Nothing is cancelled by dropping the future;
//! the task goes on.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Uri, request, response::Parts};
use longhaul::{Attempt, Deadline};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{
    TaskReport,
    dialect::{Dialect, From},
    rate::Rate,
    span::PollSpan,
    told::{Told, result_told, told},
    wait::{self, Waits},
};
use crate::exchange::{Account, Bytewise, Client, JoinedBody, Read, asked_again, read};

/// How the polling ended: with the task's own end, or without one.
pub(super) enum Ended<R> {
    /// It is told in this answer: done, failed, cancelled or cut short.
    Told(Told, Box<Parts>, Bytes),
    /// The answer is too long to be held, and is the unary answer as it comes.
    Long(Box<Parts>, JoinedBody<R>),
    /// The answer is too long to be held, and what is wanted of it has to be read.
    TooLong,
    /// Not found after the grace; the status says how that was told.
    Lost(StatusCode),
    /// The provider does not let this key ask after the task, which may go on.
    Unauthorized(StatusCode),
    /// The deadline came first; the task goes on.
    Deadline,
}

/// The state of polling one task: who asks, by which rules, and what was learned so far.
pub(super) struct Poller<'a, S> {
    pub(super) client: S,
    /// The attempt whose span the polls stand in; it is not sent with them.
    pub(super) attempt: Option<&'a Attempt>,
    /// The head of the caller's request, of which polls carry the keys.
    pub(super) head: &'a request::Parts,
    pub(super) dialect: &'a Dialect,
    pub(super) rate: &'a Rate,
    pub(super) account: Account,
    pub(super) waits: Waits,
    pub(super) poll_timeout: Duration,
    pub(super) longest_answer: usize,
    /// For so long, from the first wait on, a task or a result that is not found may only be late.
    pub(super) grace: Duration,
    pub(super) deadline: Instant,
    pub(super) report: TaskReport,
    /// Called with the state that each poll tells, for the guard that may cancel the task.
    pub(super) on_state: Box<dyn FnMut(&str) + Send + 'a>,
}

/// What came back from one poll.
enum PollAnswer<R> {
    /// It was read to its end.
    Whole(Parts, Bytes),
    /// It is longer than is read: what came, and the rest.
    Longer(Parts, JoinedBody<R>),
    /// No whole answer came: nothing is known of the task.
    Failed,
}

/// How an answer is read: [`told`] for polls, [`result_told`] for results.
type Tells = fn(&Dialect, StatusCode, &Bytes) -> Told;

impl<S> Poller<'_, S> {
    /// Polls at `uri`, first after `wait`, until the task has ended, is lost, or nobody waits any longer.
    ///
    /// A long answer to a poll is the unary answer only where that is the poll's own: links, a field and the place of a
    /// result are read out of it.
    pub(super) async fn until_ended<B, R>(&mut self, uri: &Uri, wait: Duration) -> Ended<R>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        match self.until(uri, wait, told).await {
            Ended::Long(..) if self.dialect.result.from != From::Answer => Ended::TooLong,
            ended => ended,
        }
    }

    /// Fetches a result that stands behind a URL of its own.
    ///
    /// Right away: the task is done.
    pub(super) async fn fetched<B, R>(&mut self, uri: &Uri) -> Ended<R>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        self.until(uri, Duration::ZERO, result_told).await
    }

    /// The loop. What is not an end is asked again, whatever it was; an answer too long to be read counts as the end,
    /// since nothing but a picture is that long.
    async fn until<B, R>(&mut self, uri: &Uri, mut wait: Duration, tells: Tells) -> Ended<R>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        let grace = Deadline::after(self.grace).instant();
        // Where the last word was that it is not found.
        let mut not_found = None;
        loop {
            let Some((asked, span)) = self.ask_after(wait, uri).await else {
                return match not_found {
                    Some(status) if Instant::now() >= grace => Ended::Lost(status),
                    _ => Ended::Deadline,
                };
            };
            let mut asks = None;
            match asked {
                // An end is told with the picture; nothing else is as long.
                PollAnswer::Longer(head, body) if head.status.is_success() => {
                    span.tell(Some(&Told::Done));
                    return Ended::Long(Box::new(head), body);
                }
                PollAnswer::Failed | PollAnswer::Longer(..) => {
                    span.tell(None);
                    self.report.failed_polls += 1;
                }
                PollAnswer::Whole(head, body) => {
                    asks = wait::told(&head.headers);
                    let told = tells(self.dialect, head.status, &body);
                    span.tell(Some(&told));
                    not_found = matches!(told, Told::Unknown).then_some(head.status);
                    match told {
                        Told::Running { state, known } => {
                            if !known {
                                self.report.unknown(&state);
                            }
                            (self.on_state)(&state);
                        }
                        Told::Nothing => self.report.failed_polls += 1,
                        Told::Unauthorized => return Ended::Unauthorized(head.status),
                        Told::Unknown if Instant::now() < grace => {}
                        Told::Unknown => return Ended::Lost(head.status),
                        ended => return Ended::Told(ended, Box::new(head), body),
                    }
                }
            }
            wait = self.waits.next(asks);
        }
    }

    /// One question after a wait; `None` where the deadline comes first.
    ///
    /// Waiting to no purpose is left out: a wait that would end after the deadline becomes a wait for the deadline.
    async fn ask_after<B, R>(
        &mut self,
        wait: Duration,
        uri: &Uri,
    ) -> Option<(PollAnswer<R>, PollSpan)>
    where
        S: Client<B, R>,
        R: Bytewise,
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
        let span = PollSpan::begin(self.attempt, self.dialect.name(), uri);
        let answer = span.around(timeout_at(self.deadline, self.ask(uri))).await;
        Some((answer.ok()?, span))
    }

    /// One question, bounded twice: until its head comes, and between any two pieces of its body.
    async fn ask<B, R>(&mut self, uri: &Uri) -> PollAnswer<R>
    where
        S: Client<B, R>,
        R: Bytewise,
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
