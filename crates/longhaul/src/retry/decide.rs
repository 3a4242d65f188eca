//! What follows from the ending of an attempt.
//!
//! The order of the questions is the order of what they cost. Does an attempt run beside which none is to be made? Does a
//! task run that can still be collected? Does the upload meet a limit that it will meet again? Only then is the policy asked,
//! and only then a plan made, which takes money.
//!
//! What was decided is written into the report whatever comes of it, so that each stop has a reason.

use std::time::Duration;

use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    StoppedBy,
    budget::may_be_charged,
    decision::{RetryDecision, Situation, final_class},
    endings::RejectedResult,
    operation::RetryOperation,
    pushback::Pushback,
    running::RunningAttempt,
};
use crate::{
    attempt::{Attempt, after},
    body::{PeekedBytes, Replay, announce_length},
    error::{Clock, Error, ErrorKind, class_of_answer, diagnosis},
    model::{Class, Classification, Decision, End, retry_after_in_headers},
    observe::Event,
};

/// What follows from an ending.
#[derive(Debug)]
pub(super) enum Next {
    /// Another attempt, after this wait.
    Again(Duration),
    /// Nothing: another attempt runs.
    KeepWaiting,
    /// No other attempt. The ending is the caller's, unless an earlier attempt may still bring the picture.
    Stop,
    /// The caller has what it wants.
    Done,
    /// The attempt was not begun after all, and no other will be.
    NotBegun,
}

/// How an attempt ended, and what the server said.
///
/// One form for answers, errors and attempts that are only late, so that the same rules are used for all three.
#[derive(Clone, Copy, Debug)]
struct AttemptEnding {
    end: End,
    class: Class,
    retry_after: Option<Duration>,
    server: Option<bool>,
}

impl<B: Replay> RetryOperation<B> {
    /// What to do about an answer. `in_time` says that another attempt runs beside which none is to be made; `others`
    /// are all that run.
    pub(super) fn judge_answer<R>(
        &mut self,
        running: &mut RunningAttempt,
        response: &Response<R>,
        in_time: bool,
        others: &mut [&mut RunningAttempt],
    ) -> Next {
        let classification = response.extensions().get::<Classification>().copied();
        let status = response.status();
        let attempt = running.attempt().clone();
        // A success whose body is still to come has none: its meaning comes with the last byte.
        let class = class_of_answer(Some(&attempt), response).unwrap_or(Class::Delivered);
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
        let ending = AttemptEnding {
            end: End::Finished,
            class: self.in_this_operation(&attempt, class),
            retry_after: retry_after.max(word.wait),
            server: word.again,
        };
        self.follow(running, ending, in_time, others)
    }

    /// What `class` means after the attempts before this one: a bare 409, which by itself is a mistake of the caller's,
    /// is the answer to a key under which an earlier attempt still runs.
    ///
    /// Only with a key, and only after an attempt that may still run. A first 409 is what it says: a conflict with something
    /// of the caller's own.
    fn in_this_operation(&self, attempt: &Attempt, class: Class) -> Class {
        let conflict =
            class == Class::ClientError && attempt.status() == Some(StatusCode::CONFLICT);
        let may_run = |earlier: &Attempt| {
            earlier.number() < attempt.number()
                && matches!(
                    earlier.class(),
                    None | Some(
                        Class::UnknownOutcome | Class::IntermediaryCut | Class::ModelDeadline
                    )
                )
        };
        if conflict
            && attempt.idempotency_key().is_some()
            && self.report.attempts.iter().any(may_run)
        {
            Class::InFlight
        } else {
            class
        }
    }

    /// What to do about an error.
    pub(super) fn judge_error(
        &mut self,
        running: &mut RunningAttempt,
        error: &Error,
        in_time: bool,
        others: &mut [&mut RunningAttempt],
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
        if let ErrorKind::NotBegun { .. } = error.kind() {
            self.strike_out(running);
            if let Some(decision) = error.extensions().get::<Decision>() {
                self.report.stopped_by = self.refused(*decision);
            }
            return Next::NotBegun;
        }
        if error.kind().is_final() {
            self.report.stopped_by = StoppedBy::Class;
            return Next::Stop;
        }
        let ending = AttemptEnding {
            end: error.end(),
            class: error.class(),
            retry_after: None,
            server: None,
        };
        match self.follow(running, ending, in_time, others) {
            Next::Done => Next::Stop,
            next => next,
        }
    }

    /// An attempt has become late, and goes on.
    pub(super) fn note_late(&mut self, running: &mut RunningAttempt) {
        self.head_expiries += 1;
        let attempt = running.attempt().clone();
        let silence = attempt.silence();
        let patience = self.policy.longest_silence.saturating_sub(silence);
        self.tell(&Event::Late { attempt: &attempt });
        self.decided(Decision::Late {
            attempt: attempt.number(),
            silence,
            patience,
        });
        running.late(patience);
    }

    /// What to do about an attempt whose request has been out for the longest silence, and that goes on: how long to
    /// wait for the next. Only one attempt at a time is not overdue, so no other is in time.
    pub(super) fn judge_overdue(&mut self, running: &mut RunningAttempt) -> Option<Duration> {
        let ending = AttemptEnding {
            end: End::TimedOut,
            class: Class::UnknownOutcome,
            retry_after: None,
            server: None,
        };
        match self.follow(running, ending, false, &mut []) {
            Next::Again(wait) => Some(wait),
            _ => None,
        }
    }

    /// What an ending releases comes first: money and marks of attempts beside it. Otherwise the decision would count a
    /// duplicate that is none any more.
    fn follow(
        &mut self,
        running: &mut RunningAttempt,
        ending: AttemptEnding,
        in_time: bool,
        others: &mut [&mut RunningAttempt],
    ) -> Next {
        let attempt = running.attempt().clone();
        let exposure = attempt.exposure(ending.class);
        if may_be_charged(&exposure) {
            self.hold_against(running);
        } else {
            self.forgive(&attempt, others);
        }
        if attempt.outcome_now().is_some() {
            self.count(running, ending.class);
            // It was paid for nothing only if it was paid; whoever takes its place is counted anew.
            if running.beside.is_some() && !may_be_charged(&exposure) {
                self.report.duplicates = self.report.duplicates.saturating_sub(1);
            }
        }
        let cut = self.known_cut();
        let situation = Situation {
            end: ending.end,
            class: ending.class,
            probability: exposure.probability,
            status: attempt.status(),
            paid: self.paid(),
            unsent: self.unsent,
            refused: self.refused,
            duplicates: self.duplicates(),
            elapsed: self.elapsed(),
            cut_known: cut.is_some(),
            other_target: self.has_other_target(ending.class),
            empty_result: attempt.is_empty_result() && !self.asked_for_empty,
            retry_after: ending.retry_after,
            server: ending.server,
            remaining: self.deadline.left(Instant::now()),
            price: exposure.price.or(self.price()),
            replayable: self.replayable(),
        };
        if in_time && final_class(&situation).is_none() {
            return Next::KeepWaiting;
        }
        if attempt.has_open_task() {
            self.report.stopped_by = StoppedBy::Task;
            return Next::Stop;
        }
        let same_again = ending.class == Class::SentPartial
            && diagnosis::body_limit(&self.report.attempts).is_some();
        let planned = match self.policy.decision(&situation) {
            // What was broken off twice at a like place is no accident.
            _ if same_again => Err(StoppedBy::Class),
            RetryDecision::Again { wait, duplicate } => {
                self.plan(running, &situation, wait, duplicate, others)
            }
            RetryDecision::Stop(stopped_by) => Err(stopped_by),
        };
        let stopped_by = match planned {
            Ok(planned) => {
                let wait = planned.wait.unwrap_or_default();
                self.asked_for_empty |= situation.empty_result;
                if let Some((cut, chance)) = cut
                    && situation.paid >= self.policy.paid_attempts
                {
                    let paid_attempts = self.policy.paid_attempts_on(true);
                    self.decided(Decision::CutKnown {
                        cut,
                        chance,
                        paid_attempts,
                    });
                }
                self.planned = Some(Box::new(planned));
                self.tell(&Event::Waiting {
                    attempt: &attempt,
                    class: ending.class,
                    wait,
                    retry_after: ending.retry_after,
                });
                return Next::Again(wait);
            }
            Err(stopped_by) => stopped_by,
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

    /// Keeps an ending that would be the caller's, if nothing better could still come: of an answer its head, and what
    /// was read of its body. The connection and the place in flight are given up with the rest.
    ///
    /// Nothing of the answer's connection is kept: a place in flight that waited for an ending to be chosen would be lost to
    /// others for minutes.
    pub(super) fn keep<R>(
        &mut self,
        mut running: RunningAttempt,
        ending: Result<Response<R>, Error>,
    ) {
        running.settle();
        let attempt = running.attempt();
        match ending {
            Ok(response) => {
                let class = class_of_answer(Some(attempt), &response);
                let (mut head, _) = response.into_parts();
                if let Some(PeekedBytes(body)) = head.extensions.get().cloned() {
                    announce_length(&mut head.headers, body.len() as u64);
                    let answer = RejectedResult::Answer(Box::new(Response::from_parts(head, body)));
                    self.keep_ending(attempt, class.unwrap_or(Class::Delivered), answer);
                }
            }
            Err(error) => self.keep_ending(attempt, error.class(), RejectedResult::Failure(error)),
        }
    }
}
