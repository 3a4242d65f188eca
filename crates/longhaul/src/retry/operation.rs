//! What an operation remembers between its attempts.

use std::{mem, sync::Arc, time::Duration};

use http::{HeaderValue, Request};
use tokio::time::Instant;

use super::{
    RetryPolicy,
    budget::Reservation,
    caller_deadline,
    endings::{Endings, RejectedResult},
    key::KeyForm,
    layer::{Budgets, Shared},
    running::Running,
    saved_head::SavedHead,
};
use crate::{
    attempt::{Attempt, AttemptOptions, Deadline, OperationId, PriorAttempts, after},
    body::Replay,
    error::{Error, ErrorKind, OuterRetry, ReportParts, RetryReport, StoppedBy},
    model::{Class, Exposure, Money, Resolution, Workload},
    observe::{Event, Observer, tell},
};

#[derive(Debug)]
pub(super) struct Operation<B> {
    id: OperationId,
    // What was done at other targets. Boxed: most operations are at their first.
    elsewhere: Option<Box<PriorAttempts>>,
    pub(super) policy: Arc<RetryPolicy>,
    observer: Option<Observer>,
    // Boxed: most policies do not count money.
    pub(super) purse: Option<Box<Budgets>>,
    // What another attempt is made from; `None` where the body can be sent only once.
    again: Option<Again<B>>,
    pub(super) deadline: Instant,
    resolution: Resolution,
    pub(super) report: ReportParts,
    pub(super) head_expiries: u32,
    endings: Option<Box<Endings>>,
    // Boxed, like all that an operation has none of until its first attempt has failed.
    pub(super) planned: Option<Box<Planned>>,
}

/// A request that can be sent again.
#[derive(Debug)]
struct Again<B> {
    head: SavedHead,
    body: B,
}

/// The attempt to come, decided on and not begun.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) wait: Option<Duration>,
    pub(super) duplicate: bool,
    pub(super) collects: bool,
    // The money that is held for it.
    pub(super) ticket: Option<Box<Reservation>>,
}

impl<B: Replay> Operation<B> {
    pub(super) fn begin(request: Request<B>, shared: &Shared) -> (Self, Request<B>) {
        let policy = shared.policy.clone();
        let (mut head, body) = request.into_parts();
        // Each target that an operation goes to gets a key of its own.
        let new = OperationId::new();
        let elsewhere: Option<&PriorAttempts> = head.extensions.get();
        let id = elsewhere.map_or(new, |it| it.operation);
        let elsewhere = elsewhere.copied().map(Box::new);
        let workload: Option<&Workload> = head.extensions.get();
        let resolution = workload.map_or_else(Default::default, |workload| workload.resolution);
        let purse = shared.purse(&head);
        let outer_retry = OuterRetry::of(&head);

        let now = Instant::now();
        let own = policy
            .deadline
            .map(|deadline| after(now, deadline.of(resolution)));
        let callers = head
            .extensions
            .get::<Deadline>()
            .map(|deadline| deadline.instant());
        let in_headers = caller_deadline::take(&mut head.headers, &policy.deadline_headers)
            .map(|left| after(now, left));
        let deadline = own
            .into_iter()
            .chain(callers)
            .chain(in_headers)
            .min()
            .unwrap_or_else(|| after(now, Duration::MAX));

        // The layers below tell the same observers.
        let own = head.extensions.remove::<Observer>();
        let observer = match (shared.observer.clone(), own) {
            (Some(all), Some(own)) => Some(all.and(own)),
            (all, own) => all.or(own),
        };
        if let Some(observer) = &observer {
            head.extensions.insert(observer.clone());
        }

        let again = body.try_clone().map(|body| Again {
            head: SavedHead::of(&head),
            body,
        });
        // The caller's own key stays.
        if let Some(name) = &policy.key_header
            && !head.headers.contains_key(name)
            && let Some(key) = KeyForm::of(&policy.keys, &head.uri).write(new)
        {
            head.headers.insert(name, key);
        }
        let operation = Self {
            id,
            elsewhere,
            observer,
            purse,
            resolution,
            policy,
            again,
            deadline,
            report: ReportParts {
                outer_retry,
                ..ReportParts::default()
            },
            head_expiries: 0,
            endings: None,
            planned: None,
        };
        (operation, Request::from_parts(head, body))
    }

    /// Holds the money of the first attempt, or says why it must not be sent.
    pub(super) fn admit(&mut self) -> Result<(), Error> {
        let mut ticket = self
            .purse
            .as_ref()
            .map(|purse| Reservation::new(&purse.spending));
        let exposed = self.elsewhere.as_ref().and_then(|it| it.exposed);
        let duplicate = match exposed {
            Some(exposed) => self.admit_beside(exposed, ticket.as_mut())?,
            None => false,
        };
        if let Some(ticket) = &mut ticket {
            ticket.reserve(self.price()).map_err(Error::new)?;
        }
        if duplicate || ticket.is_some() {
            self.planned = Some(Box::new(Planned {
                duplicate,
                ticket: ticket.map(Box::new),
                ..Planned::default()
            }));
        }
        Ok(())
    }

    /// Whether the first attempt is a duplicate of one at another target. Its number was allowed there,
    /// class by class; its money is bounded as that of every duplicate is.
    fn admit_beside(
        &mut self,
        exposed: Exposure,
        ticket: Option<&mut Reservation>,
    ) -> Result<bool, Error> {
        let price = exposed.price.or(self.price());
        if price.is_some_and(|price| price.micros == 0) {
            return Ok(false);
        }
        let waste = price.map(|price| price.at(exposed.probability));
        self.report.stopped_by = if !self.policy.duplicates.reach(self.duplicates(), price) {
            StoppedBy::Duplicates
        } else if ticket.is_some_and(|ticket| !ticket.withdraw(waste)) {
            StoppedBy::Budget
        } else {
            return Ok(true);
        };
        Err(Error::new(ErrorKind::Duplicate { waste }))
    }

    /// Sends `request` as the next attempt.
    pub(super) fn attempt(&mut self, mut request: Request<B>) -> (Request<B>, Running) {
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

    /// The next attempt, which `request` is, or would have been.
    pub(super) fn next_attempt(&mut self, request: &Request<B>) -> Running {
        let planned = self
            .planned
            .take()
            .map_or_else(Planned::default, |planned| *planned);
        self.report.waits.extend(planned.wait);
        self.report.duplicates += u32::from(planned.duplicate);
        self.report.collected += u32::from(planned.collects);
        let number = self.report.attempts.len() as u32 + 1;
        // None may follow one that stays silent: all attempts are made, or the request can be sent only once,
        // or no more duplicates are allowed.
        let last = number - self.report.collected >= self.policy.attempts
            || !self.replayable()
            || self.policy.duplicates.are_used_up(self.duplicates());
        let name = self.policy.key_header.as_ref();
        let key = name.and_then(|name| request.headers().get(name)).cloned();
        let terms = AttemptOptions {
            deadline: Some(Deadline::at(self.deadline)),
            head_expiries: self.head_expiries,
            uncut_head: self.policy.uncut_last_attempt && last,
            keep_late: self.policy.late_results,
            tell_server: self.policy.server_timeout,
        };
        let elsewhere = self.elsewhere.as_ref().map_or(0, |it| it.attempts);
        let attempt = Attempt::on_terms(self.id, elsewhere + number, key, terms);
        self.tell(&Event::Started { attempt: &attempt });
        self.report.attempts.push(attempt.clone());
        Running::begin(attempt, planned.ticket)
    }

    /// The price of an attempt, where the retry layer itself knows it.
    pub(super) fn price(&self) -> Option<Money> {
        self.purse.as_ref()?.price
    }

    /// What an attempt takes at least.
    pub(super) fn expected(&self) -> Duration {
        self.policy.expected.of(self.resolution)
    }

    /// Attempts that count.
    pub(super) fn made(&self) -> u32 {
        self.report.attempts.len() as u32 - self.report.collected
    }

    /// Duplicates made so far, at other targets too.
    pub(super) fn duplicates(&self) -> u32 {
        let elsewhere = self.elsewhere.as_ref().map_or(0, |it| it.duplicates);
        elsewhere + self.report.duplicates
    }

    /// Whether there can be another attempt.
    pub(super) const fn replayable(&self) -> bool {
        self.again.is_some()
    }

    /// The request once more.
    pub(super) fn again(&self) -> Option<Request<B>> {
        let Again { head, body } = self.again.as_ref()?;
        let mut head = head.restore();
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
        self.endings.as_mut()?.instead_of(attempt, class)
    }

    /// Keeps an ending that may be the one to hand on.
    pub(super) fn keep_ending(&mut self, attempt: &Attempt, class: Class, ending: RejectedResult) {
        self.endings
            .get_or_insert_default()
            .keep(attempt, class, ending);
    }

    /// The report, at the end.
    pub(super) fn report(&mut self, attempt: &Attempt) -> RetryReport {
        self.tell(&Event::Settled { attempt });
        RetryReport::new(mem::take(&mut self.report), Deadline::at(self.deadline))
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        tell(self.observer.as_ref(), event);
    }
}
