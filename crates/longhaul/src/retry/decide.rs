//! What follows from the ending of an attempt.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use super::{
    StoppedBy,
    budget::Reservation,
    decision::{RetryDecision, Situation, final_class},
    endings::RejectedResult,
    operation::{Operation, Planned},
    pushback::Pushback,
    running::Running,
};
use crate::{
    attempt::after,
    body::{PeekedBytes, Replay},
    error::{Clock, Error, ErrorKind},
    model::{Class, Classification, End, class_of, retry_after_in_headers},
    observe::Event,
};

/// What follows from an ending.
#[derive(Debug)]
pub(super) enum Next {
    /// Another attempt, after this wait.
    Again(Duration),
    /// Nothing: another attempt runs or will be made already.
    KeepWaiting,
    /// No other attempt. The ending is the caller's, unless an earlier attempt may still bring the picture.
    Stop,
    /// The caller has what it wants.
    Done,
}

/// How an attempt ended, and what the server said.
#[derive(Clone, Copy, Debug)]
struct Ending {
    end: End,
    class: Class,
    retry_after: Option<Duration>,
    server: Option<bool>,
}

impl<B: Replay> Operation<B> {
    /// What to do about an answer. `ahead` says that another attempt runs, and is not late, or will be made.
    pub(super) fn judge_answer<R>(
        &mut self,
        running: &mut Running,
        response: &Response<R>,
        ahead: bool,
    ) -> Next {
        let classification = response.extensions().get::<Classification>().copied();
        let status = response.status();
        let attempt = running.attempt().clone();
        // A success whose body is still to come has none: its meaning comes with the last byte.
        let class = attempt
            .class()
            .or(classification.map(|classification| classification.class))
            .or_else(|| class_of(status))
            .unwrap_or(Class::Delivered);
        if class == Class::Delivered {
            self.report.stopped_by = StoppedBy::Success;
            return Next::Done;
        }
        attempt.head_received(status, response.version());
        attempt.finish(End::Finished, class);
        let word = Pushback::read(response.headers());
        let retry_after = match classification {
            Some(classification) => classification.wait,
            None => retry_after_in_headers(response.headers()),
        };
        let ending = Ending {
            end: End::Finished,
            class,
            retry_after: retry_after.max(word.wait),
            server: word.again,
        };
        self.follow(running, ending, ahead)
    }

    /// What to do about an error.
    pub(super) fn judge_error(
        &mut self,
        running: &mut Running,
        error: &Error,
        ahead: bool,
    ) -> Next {
        running.guard.fail(error);
        if matches!(
            error.kind(),
            ErrorKind::Timeout {
                clock: Clock::Picture,
                ..
            }
        ) {
            self.head_expiries += 1;
        }
        if error.kind().is_refused_here() {
            self.report.stopped_by = match error.kind() {
                ErrorKind::SpendingCap { .. } => StoppedBy::SpendingCap,
                // Who refused it has said so.
                ErrorKind::Duplicate { .. } => self.report.stopped_by,
                _ => StoppedBy::Class,
            };
            return Next::Stop;
        }
        let ending = Ending {
            end: error.end(),
            class: error.class(),
            retry_after: None,
            server: None,
        };
        match self.follow(running, ending, ahead) {
            Next::Done => Next::Stop,
            next => next,
        }
    }

    /// What to do about an attempt that has become late, and goes on: how long to wait for the next.
    /// Only one attempt at a time is not late, so no other is ahead of it.
    pub(super) fn judge_late(&mut self, running: &mut Running) -> Option<Duration> {
        running.late = true;
        self.head_expiries += 1;
        self.tell(&Event::Late {
            attempt: running.attempt(),
        });
        let ending = Ending {
            end: End::TimedOut,
            class: Class::UnknownOutcome,
            retry_after: None,
            server: None,
        };
        match self.follow(running, ending, false) {
            Next::Again(wait) => Some(wait),
            Next::KeepWaiting | Next::Stop | Next::Done => None,
        }
    }

    fn follow(&mut self, running: &mut Running, ending: Ending, ahead: bool) -> Next {
        let attempt = running.attempt().clone();
        let situation = Situation {
            end: ending.end,
            class: ending.class,
            status: attempt.status(),
            attempt: self.made(),
            duplicates: self.duplicates(),
            retry_after: ending.retry_after,
            server: ending.server,
            remaining: self.deadline.saturating_duration_since(Instant::now()),
            expected: self.expected(),
            price: attempt.exposure(ending.class).price.or(self.price()),
            replayable: self.replayable(),
        };
        if ahead && final_class(&situation).is_none() {
            return Next::KeepWaiting;
        }
        if attempt.has_open_task() {
            self.report.stopped_by = StoppedBy::Task;
            return Next::Stop;
        }
        let stopped_by = match self.policy.verdict(&situation) {
            RetryDecision::Again { wait, duplicate } => {
                match self.hold(running, &situation, duplicate) {
                    Ok(ticket) => {
                        self.planned = Some(Box::new(Planned {
                            wait: Some(wait),
                            duplicate,
                            collects: ending.class == Class::InFlight,
                            ticket,
                        }));
                        self.tell(&Event::Waiting {
                            attempt: &attempt,
                            class: ending.class,
                            wait,
                            retry_after: ending.retry_after,
                        });
                        return Next::Again(wait);
                    }
                    Err(stopped_by) => stopped_by,
                }
            }
            RetryDecision::Stop(stopped_by) => stopped_by,
        };
        self.report.stopped_by = stopped_by;
        match stopped_by {
            StoppedBy::Success => return Next::Done,
            StoppedBy::RetryAfterTooLong => {
                self.report.retry_at = ending
                    .retry_after
                    .map(|retry_after| after(Instant::now(), retry_after));
            }
            _ => {}
        }
        Next::Stop
    }

    /// Holds the money of the next attempt, from now on, so that the wait is not for nothing.
    fn hold(
        &self,
        running: &mut Running,
        situation: &Situation,
        duplicate: bool,
    ) -> Result<Option<Box<Reservation>>, StoppedBy> {
        let Some(purse) = &self.purse else {
            return Ok(None);
        };
        let mut ticket = Reservation::new(&purse.spending);
        if duplicate {
            let probability = running.attempt().exposure(situation.class).probability;
            let waste = situation.price.map(|price| price.at(probability));
            if !ticket.withdraw(waste) {
                return Err(StoppedBy::Budget);
            }
        } else {
            ticket.take_place_of(running.ticket.as_deref_mut());
        }
        // What it held is free or spent by now; a late one goes on holding it.
        running.settle();
        ticket
            .reserve(situation.price)
            .map_err(|_| StoppedBy::SpendingCap)?;
        Ok(Some(Box::new(ticket)))
    }

    /// Keeps an ending that would be the caller's, if nothing better could still come: of an answer its head, and what
    /// was read of its body. The connection and the place in flight are given up with the rest.
    pub(super) fn keep<R>(&mut self, mut running: Running, ending: Result<Response<R>, Error>) {
        running.settle();
        let attempt = running.attempt();
        match ending {
            Ok(response) => {
                let class = attempt.class().or(class_of(response.status()));
                let (head, _) = response.into_parts();
                if let Some(PeekedBytes(body)) = head.extensions.get().cloned() {
                    let answer = RejectedResult::Answer(Box::new(Response::from_parts(head, body)));
                    self.keep_ending(attempt, class.unwrap_or(Class::Delivered), answer);
                }
            }
            Err(error) => self.keep_ending(attempt, error.class(), RejectedResult::Failure(error)),
        }
    }
}
