//! What follows from the ending of an attempt.

use std::{mem, time::Duration};

use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    StoppedBy,
    budget::{Reservation, may_be_charged},
    decision::{RetryDecision, Situation, final_class},
    endings::RejectedResult,
    operation::{Operation, Planned},
    pushback::Pushback,
    running::Running,
};
use crate::{
    attempt::{Attempt, after},
    body::{PeekedBytes, Replay, announce_length},
    error::{Clock, Error, ErrorKind, class_of_answer, diagnosis},
    model::{Class, Classification, Decision, End, Money, retry_after_in_headers},
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
#[derive(Clone, Copy, Debug)]
struct Ending {
    end: End,
    class: Class,
    retry_after: Option<Duration>,
    server: Option<bool>,
}

impl<B: Replay> Operation<B> {
    /// What to do about an answer. `in_time` says that another attempt runs beside which none is to be made; `others`
    /// are all that run.
    pub(super) fn judge_answer<R>(
        &mut self,
        running: &mut Running,
        response: &Response<R>,
        in_time: bool,
        others: &mut [&mut Running],
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
        let ending = Ending {
            end: End::Finished,
            class: self.in_this_operation(&attempt, class),
            retry_after: retry_after.max(word.wait),
            server: word.again,
        };
        self.follow(running, ending, in_time, others)
    }

    /// What `class` means after the attempts before this one: a bare 409, which by itself is a mistake of the caller's,
    /// is the answer to a key under which an earlier attempt still runs.
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
        running: &mut Running,
        error: &Error,
        in_time: bool,
        others: &mut [&mut Running],
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
        let ending = Ending {
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
    pub(super) fn note_late(&mut self, running: &mut Running) {
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
    pub(super) fn judge_overdue(&mut self, running: &mut Running) -> Option<Duration> {
        let ending = Ending {
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

    fn follow(
        &mut self,
        running: &mut Running,
        ending: Ending,
        in_time: bool,
        others: &mut [&mut Running],
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
            remaining: self
                .deadline
                .instant()
                .saturating_duration_since(Instant::now()),
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

    /// A duplicate ended and may be charged. Whether it was one is not known before the attempt beside which it was made
    /// has ended too.
    fn hold_against(&mut self, running: &Running) {
        let number = running.beside;
        let other = self
            .report
            .attempts
            .iter()
            .find(|attempt| Some(attempt.number()) == number);
        if let Some(other) = other
            && other.outcome_now().is_none()
            && running.attempt().outcome_now().is_some()
        {
            let stake = running.reservation.as_ref().and_then(|it| it.stake());
            self.charged_beside.push((other.number(), stake));
        }
    }

    /// The attempt turned out to be free: what was made beside it is no duplicate, and holds nothing for being one.
    fn forgive(&mut self, free: &Attempt, others: &mut [&mut Running]) {
        let (ended, kept) = mem::take(&mut self.charged_beside)
            .into_iter()
            .partition(|(number, _)| *number == free.number());
        self.charged_beside = kept;
        let ended: Vec<(u32, Option<Money>)> = ended;
        for (_, stake) in ended {
            self.report.duplicates = self.report.duplicates.saturating_sub(1);
            if let (Some(stake), Some(budgets)) = (stake, &self.budgets) {
                budgets.spending.put_back(stake);
            }
        }
        for other in others {
            if other.beside == Some(free.number()) {
                other.is_no_duplicate();
                self.report.duplicates = self.report.duplicates.saturating_sub(1);
            }
        }
    }

    /// Plans the next attempt: whether it may begin then, what it is a duplicate of, and its money, which is held from
    /// now on, so that the wait is not for nothing.
    fn plan(
        &mut self,
        running: &mut Running,
        situation: &Situation,
        wait: Duration,
        duplicate: bool,
        others: &[&mut Running],
    ) -> Result<Planned, StoppedBy> {
        let collects = situation.class == Class::InFlight;
        let begins = after(Instant::now(), wait);
        if let Err(decision) = self.admission(collects).ask(begins) {
            return Err(self.refused(decision));
        }
        // After an ending that was free, its place as a duplicate is free too; and it is one of what still runs.
        let (beside, takes_place) = if duplicate {
            (Some(running.attempt()), false)
        } else if running.beside.is_some() {
            (None, true)
        } else {
            (others.last().map(|other| other.attempt()), false)
        };
        let mut planned = Planned {
            wait: Some(wait),
            collects,
            beside: match beside {
                Some(attempt) => Some(attempt.number()),
                None => running.beside.filter(|_| takes_place),
            },
            takes_place,
            ..Planned::default()
        };
        let Some(budgets) = &self.budgets else {
            return Ok(planned);
        };
        let mut reservation = Reservation::new(&budgets.spending);
        if let Some(beside) = beside {
            let class = if duplicate {
                situation.class
            } else {
                Class::UnknownOutcome
            };
            let probability = beside.exposure(class).probability;
            let waste = situation.price.map(|price| price.at(probability));
            if !reservation.withdraw(waste) {
                self.decided(Decision::NoBudget { waste });
                return Err(StoppedBy::Budget);
            }
        } else if takes_place {
            reservation.take_place_of(running.reservation.as_deref_mut());
        }
        // What it held is free or spent by now; a late one goes on holding it.
        running.settle();
        if reservation.reserve(situation.price).is_err() {
            self.decided(Decision::SpendingCap {
                price: situation.price,
            });
            return Err(StoppedBy::SpendingCap);
        }
        planned.reservation = Some(Box::new(reservation));
        Ok(planned)
    }

    /// Keeps an ending that would be the caller's, if nothing better could still come: of an answer its head, and what
    /// was read of its body. The connection and the place in flight are given up with the rest.
    pub(super) fn keep<R>(&mut self, mut running: Running, ending: Result<Response<R>, Error>) {
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
