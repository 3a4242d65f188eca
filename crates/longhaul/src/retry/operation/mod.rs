//! What an operation remembers between its attempts.
//!
//! One struct for the whole operation, without a timer and without a future: what counts attempts, money and endings is
//! changed here alone, and the future only says what happened.

mod begin;

use std::{mem, sync::Arc, time::Duration};

use http::{HeaderValue, Request, request::Parts};
use tokio::time::Instant;

use super::{
    RetryPolicy,
    budget::MoneyReservation,
    decision::Cost,
    endings::{Endings, RejectedResult},
    layer::Budgets,
    running::RunningAttempt,
};
use crate::{
    attempt::{
        Admission, Attempt, AttemptOptions, Deadline, OperationDeadline, OperationId, OtherTargets,
        PriorAttempts, RouteInfo,
    },
    body::Replay,
    error::{Error, ReportParts, RetryReport},
    model::{Class, Decision, Money, Passage},
    observe::{Event, Observer, tell},
};

// Without `Debug`, which would show the request's keys.
pub(super) struct RetryOperation<B> {
    pub(super) id: OperationId,
    // What was done at other targets. Boxed: most operations are at their first.
    pub(super) elsewhere: Option<Box<PriorAttempts>>,
    pub(super) policy: Arc<RetryPolicy>,
    observer: Option<Observer>,
    // Boxed: most policies do not count money.
    pub(super) budgets: Option<Box<Budgets>>,
    // What another attempt is made from; `None` where the body can be sent only once.
    again: Option<Again<B>>,
    pub(super) deadline: OperationDeadline,
    /// The caller's own, where it set one.
    pub(super) callers_deadline: Option<Deadline>,
    pub(super) route: RouteInfo,
    pub(super) worth: f64,
    pub(super) report: ReportParts,
    pub(super) head_expiries: u32,
    began: Instant,
    /// Attempts here that may be charged, that were refused free of charge, and that were never sent.
    paid: u32,
    pub(super) refused: u32,
    pub(super) unsent: u32,
    /// An answer that was empty has been asked for once more.
    pub(super) asked_for_empty: bool,
    /// The targets that may be asked after this one.
    others: Option<OtherTargets>,
    /// What ended and may be charged, by the number of the attempt beside which it was made, with what it held for being
    /// a duplicate: until that one has ended too.
    pub(super) charged_beside: Vec<(u32, Option<Money>)>,
    endings: Option<Box<Endings>>,
    // Boxed, like all that an operation has none of until its first attempt has failed.
    pub(super) planned: Option<Box<Planned>>,
}

/// A request that can be sent again.
///
/// Head and body as they came from the caller, without the attempt's own headers: each attempt writes these anew.
struct Again<B> {
    head: Parts,
    body: B,
}

/// The attempt to come, decided on and not begun.
///
/// It holds its money from the decision on. Otherwise the wait of a minute would end in a refusal for money that was there
/// when it began.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) wait: Option<Duration>,
    pub(super) collects: bool,
    /// The attempt that it is a duplicate of: one that may be running and charged; 0 for one at another target.
    pub(super) beside: Option<u32>,
    // The money that is held for it.
    pub(super) reservation: Option<Box<MoneyReservation>>,
    /// What allowed it to begin.
    pub(super) admission: Option<Admission>,
}

impl<B: Replay> RetryOperation<B> {
    /// Sends `request` as the next attempt.
    pub(super) fn attempt(&mut self, mut request: Request<B>) -> (Request<B>, RunningAttempt) {
        let running = self.next_attempt(&request);
        let attempt = running.attempt();
        if let Some(name) = &self.policy.attempt_header {
            request
                .headers_mut()
                .insert(name, HeaderValue::from(attempt.number()));
        }
        if let Some(outer) = request.extensions_mut().insert(attempt.clone()) {
            attempt.made_within(&outer);
        }
        (request, running)
    }

    /// The next attempt, which `request` is.
    fn next_attempt(&mut self, request: &Request<B>) -> RunningAttempt {
        let planned = self
            .planned
            .take()
            .map_or_else(Planned::default, |planned| *planned);
        self.report.waits.extend(planned.wait);
        self.report.duplicates += u32::from(planned.beside.is_some());
        self.report.collected += u32::from(planned.collects);
        let number = self.report.attempts.len() as u32 + 1;
        self.paid += u32::from(!planned.collects);
        let name = self.policy.key_header.as_ref();
        let key = name.and_then(|name| request.headers().get(name)).cloned();
        let options = AttemptOptions {
            deadline: Some(self.deadline.clone()),
            admission: planned.admission,
            head_expiries: self.head_expiries,
            keep_late: true,
            tell_server: self.policy.server_timeout,
        };
        let elsewhere = self.elsewhere.as_ref().map_or(0, |it| it.attempts);
        let attempt = Attempt::with_options(self.id, elsewhere + number, key, options);
        attempt.set_route_info(self.route.clone());
        self.tell(&Event::Started { attempt: &attempt });
        self.share_place(&attempt);
        self.report.attempts.push(attempt.clone());
        RunningAttempt::begin(
            attempt,
            planned.reservation,
            planned.beside,
            planned.collects,
        )
    }

    /// The price of an attempt, where the retry layer itself knows it.
    pub(super) fn price(&self) -> Option<Money> {
        self.budgets.as_ref()?.price
    }

    /// Attempts so far that may be charged, at other targets too.
    pub(super) fn paid(&self) -> u32 {
        let elsewhere = self.elsewhere.as_ref().map_or(0, |it| it.paid);
        elsewhere + self.paid
    }

    /// An attempt has ended: what was free is not counted as paid.
    pub(super) fn count(&mut self, running: &RunningAttempt, class: Class) {
        let counter = match Cost::of(class) {
            Cost::Refused => &mut self.refused,
            Cost::Unsent => &mut self.unsent,
            Cost::Paid | Cost::Collected => return,
        };
        *counter += 1;
        if !running.collects {
            self.paid = self.paid.saturating_sub(1);
        }
    }

    /// The cut of the route that counts, where one is known: its silence, and the chance that it leaves.
    pub(super) fn known_cut(&self) -> Option<(Duration, f64)> {
        if self.worth.is_infinite() {
            return None;
        }
        let RouteInfo {
            route,
            resolution,
            scale,
            history,
            ..
        } = &self.route;
        match history.passage(route, *resolution, self.worth, *scale) {
            Passage::Open => None,
            Passage::Worth(odds) | Passage::Probe(odds) | Passage::Closed(odds) => {
                Some((scale.ours(odds.cut), odds.chance))
            }
        }
    }

    /// Whether another target is asked if the attempts here end as `class`, and as those before it.
    pub(super) fn has_other_target(&self, class: Class) -> bool {
        let Some(others) = &self.others else {
            return false;
        };
        let passes = |attempt: &Attempt| {
            let class = attempt.class().unwrap_or(Class::UnknownOutcome);
            !class.is_possibly_charged() || others.despite.contains(&class)
        };
        others.after.contains(&class) && self.report.attempts.iter().all(passes)
    }

    /// Duplicates made so far, at other targets too.
    pub(super) fn duplicates(&self) -> u32 {
        let elsewhere = self.elsewhere.as_ref().map_or(0, |it| it.duplicates);
        elsewhere + self.report.duplicates
    }

    /// Since the operation began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether there can be another attempt.
    pub(super) const fn replayable(&self) -> bool {
        self.again.is_some()
    }

    /// The request once more.
    pub(super) fn again(&self) -> Option<Request<B>> {
        let Again { head, body } = self.again.as_ref()?;
        let mut head = head.clone();
        let first = self.report.attempts.first();
        if let Some(name) = &self.policy.key_header
            && let Some(key) = first.and_then(Attempt::idempotency_key)
        {
            head.headers.entry(name).or_insert_with(|| key.clone());
        }
        Some(Request::from_parts(head, body.try_clone()?))
    }

    /// The next attempt will not be made after all.
    pub(super) fn call_off(&mut self) {
        self.planned = None;
    }

    /// The ending to hand on instead of the last one.
    pub(super) fn instead_of(&mut self, attempt: &Attempt, class: Class) -> Option<RejectedResult> {
        let instead = self.endings.as_mut()?.instead_of(attempt, class)?;
        self.report.displaced = Some(attempt.clone());
        Some(instead)
    }

    /// The ending to hand on where no attempt ended just now.
    pub(super) fn best_ending(&mut self) -> Option<RejectedResult> {
        let (best, displaced) = self.endings.as_mut()?.best()?;
        self.report.displaced = displaced;
        Some(best)
    }

    /// Keeps an ending that may be the one to hand on.
    pub(super) fn keep_ending(&mut self, attempt: &Attempt, class: Class, ending: RejectedResult) {
        self.endings
            .get_or_insert_default()
            .keep(attempt, class, ending);
    }

    /// The attempt was not begun: it has no number and no place in the report.
    ///
    /// It had been counted when it was planned. Undone, the report reads as if it had never been: numbers stay without a gap.
    pub(super) fn strike_out(&mut self, running: &RunningAttempt) {
        let number = running.attempt().number();
        self.report
            .attempts
            .retain(|attempt| attempt.number() != number);
        if running.beside.is_some() {
            self.report.duplicates = self.report.duplicates.saturating_sub(1);
        }
        if !running.collects {
            self.paid = self.paid.saturating_sub(1);
        }
    }

    /// The operation's deadline ends an attempt.
    pub(super) fn expired(&mut self, running: &mut RunningAttempt) -> Error {
        let error = Error::deadline_passed(running.attempt());
        running.guard.fail(&error);
        error
    }

    /// The deadline passed while nothing ran, and nothing is kept to be handed on.
    pub(super) fn past_deadline(&self) -> Error {
        match self.report.attempts.last() {
            Some(attempt) => Error::deadline_passed(attempt),
            None => Error::not_begun(self.admission(true).refusal(Instant::now())),
        }
    }

    /// The report, at the end: of the attempt that the caller gets, if there was any.
    pub(super) fn report(&mut self, attempt: Option<&Attempt>) -> RetryReport {
        let learned = self.report.attempts.iter().find_map(Attempt::limits);
        if let Some((table, learned)) = learned {
            self.decided(Decision::LearnedLimit { table, learned });
        }
        if let Some(attempt) = attempt {
            self.tell(&Event::Settled { attempt });
        }
        RetryReport::new(mem::take(&mut self.report), self.deadline.clone())
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        tell(self.observer.as_ref(), event);
    }
}
