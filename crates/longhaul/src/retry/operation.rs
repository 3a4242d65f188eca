//! What an operation remembers between its attempts.

use std::{mem, sync::Arc, time::Duration};

use http::{HeaderValue, Request, request};
use tokio::time::Instant;

use super::{
    RetryPolicy,
    budget::{Spending, Ticket},
    caller_deadline,
    endings::{Endings, Kept},
    key::KeyForm,
    layer::Shared,
    nested::Nested,
    report::{Repr, RetryReport},
    running::Running,
};
use crate::{
    attempt::{Attempt, Continued, Deadline, OperationId, after},
    body::Replay,
    classify::Class,
    error::Error,
    money::Money,
    observe::{Event, Observer, tell},
    timeout::{HeadExpiries, KeepLate, TellServer, UncutHead},
    workload::Workload,
};

#[derive(Debug)]
pub(super) struct Operation<B> {
    id: OperationId,
    // Attempts that were made at other targets.
    elsewhere: u32,
    pub(super) policy: Arc<RetryPolicy>,
    observer: Option<Observer>,
    pub(super) spending: Option<Spending>,
    // The price of an attempt, where the retry layer itself knows it.
    pub(super) price: Option<Money>,
    // The request without its body, and the body, where it can be sent again.
    head: request::Parts,
    body: Option<B>,
    pub(super) replayable: bool,
    key: Option<HeaderValue>,
    pub(super) deadline: Instant,
    pub(super) expected: Duration,
    pub(super) report: Repr,
    pub(super) head_expiries: u32,
    pub(super) endings: Endings,
    pub(super) planned: Planned,
}

/// The attempt to come, decided on and not begun.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) wait: Option<Duration>,
    pub(super) duplicate: bool,
    pub(super) collects: bool,
    // The money that is held for it.
    pub(super) ticket: Option<Ticket>,
}

impl<B: Replay> Operation<B> {
    pub(super) fn begin(request: Request<B>, shared: &Shared) -> (Self, B) {
        let policy = shared.policy.clone();
        let (mut head, body) = request.into_parts();
        // Each target that an operation goes to gets a key of its own.
        let new = OperationId::new();
        let continued = head.extensions.get::<Continued>();
        let (id, elsewhere) = continued.map_or((new, 0), |it| (it.operation, it.attempts));
        let workload: Option<&Workload> = head.extensions.get();
        let resolution = workload.map_or_else(Default::default, |workload| workload.resolution);
        let price = shared.price(&head);
        let nested = Nested::of(&head);

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
        head.extensions.insert(Deadline::at(deadline));

        // The layers below tell the same observers.
        let own = head.extensions.remove::<Observer>();
        let observer = match (shared.observer.clone(), own) {
            (Some(all), Some(own)) => Some(all.and(own)),
            (all, own) => all.or(own),
        };
        if let Some(observer) = &observer {
            head.extensions.insert(observer.clone());
        }
        if policy.late_results {
            head.extensions.insert(KeepLate);
        }
        if policy.server_timeout {
            head.extensions.insert(TellServer);
        }

        let key = policy.key_header.as_ref().and_then(|name| {
            if let Some(callers) = head.headers.get(name) {
                return Some(callers.clone());
            }
            let key = KeyForm::of(&policy.keys, &head.uri).write(new)?;
            head.headers.insert(name, key.clone());
            Some(key)
        });
        let copy = body.try_clone();
        let operation = Self {
            id,
            elsewhere,
            observer,
            spending: shared.spending.clone(),
            price,
            expected: policy.expected.of(resolution),
            policy,
            head,
            replayable: copy.is_some(),
            body: copy,
            key,
            deadline,
            report: Repr {
                nested,
                deadline: Some(deadline),
                ..Repr::default()
            },
            head_expiries: 0,
            endings: Endings::default(),
            planned: Planned::default(),
        };
        (operation, body)
    }

    /// Holds the money of the first attempt, or says why it must not be sent.
    pub(super) fn admit(&mut self) -> Result<(), Error> {
        let Some(spending) = &self.spending else {
            return Ok(());
        };
        let mut ticket = Ticket::new(spending);
        ticket.reserve(self.price).map_err(Error::new)?;
        self.planned.ticket = Some(ticket);
        Ok(())
    }

    /// The request of the next attempt.
    pub(super) fn next_request(&mut self, body: B) -> (Request<B>, Running) {
        let running = self.next_attempt();
        let attempt = running.attempt();
        let mut head = self.head.clone();
        if let Some(name) = &self.policy.attempt_header {
            head.headers
                .insert(name, HeaderValue::from(attempt.number()));
        }
        if self.policy.uncut_last_attempt && self.made() == self.policy.attempts {
            head.extensions.insert(UncutHead);
        }
        if self.head_expiries > 0 {
            head.extensions.insert(HeadExpiries(self.head_expiries));
        }
        head.extensions.insert(attempt.clone());
        (Request::from_parts(head, body), running)
    }

    pub(super) fn next_attempt(&mut self) -> Running {
        let number = self.elsewhere + self.report.attempts.len() as u32 + 1;
        let attempt = Attempt::new(self.id, number, self.key.clone());
        self.tell(&Event::Started { attempt: &attempt });
        let planned = mem::take(&mut self.planned);
        self.report.waits.extend(planned.wait);
        self.report.duplicates += u32::from(planned.duplicate);
        self.report.collected += u32::from(planned.collects);
        self.report.attempts.push(attempt.clone());
        Running::begin(attempt, planned.ticket)
    }

    /// Attempts that count.
    pub(super) fn made(&self) -> u32 {
        self.report.attempts.len() as u32 - self.report.collected
    }

    /// The body once more.
    pub(super) fn body(&self) -> Option<B> {
        self.body.as_ref()?.try_clone()
    }

    /// The next attempt will not be made after all.
    pub(super) fn call_off(&mut self) {
        self.planned = Planned::default();
    }

    /// The ending to hand on instead of the last one.
    pub(super) fn instead_of(&mut self, attempt: &Attempt, class: Class) -> Option<Kept> {
        self.endings.instead_of(attempt, class)
    }

    /// The report, at the end.
    pub(super) fn report(&mut self, attempt: &Attempt) -> RetryReport {
        self.tell(&Event::Settled { attempt });
        RetryReport::new(mem::take(&mut self.report))
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        tell(self.observer.as_ref(), event);
    }
}
