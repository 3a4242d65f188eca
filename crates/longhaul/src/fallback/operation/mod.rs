//! What an operation remembers while it goes from target to target.

mod asking;

use std::{mem, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tokio::time::Instant;

use super::{
    breaker::{BreakerKey, Ticket},
    ending::{TargetEnding, leaves_something},
    report::{AnsweredBy, FallbackReport, FallbackStoppedBy, SkipReason, TargetAttempt},
    route::Route,
    shared::Shared,
    target::Dialect,
};
use crate::{
    attempt::{OperationDeadline, OperationId},
    body::{MemoryBudget, Replay},
    error::{Error, RetryReport},
    model::{Class, Exposure, Provider, Workload},
    observe::{Event, Observer, tell},
};

/// What comes after an ending at one target.
#[derive(Debug)]
pub(super) enum Step<B, R> {
    Ask(Request<B>),
    Settle(Result<Response<R>, Error>),
}

#[derive(Debug)]
pub(super) struct FallbackOperation<R> {
    shared: Arc<Shared>,
    observer: Option<Observer>,
    /// Where the bodies that are written anew are counted.
    replay: Option<MemoryBudget>,
    /// The request as it came, and what it asks for.
    head: Parts,
    body: Option<Bytes>,
    workload: Workload,
    /// The one that is asked now.
    running: AnsweredBy,
    duplicate: bool,
    ticket: Option<Ticket>,
    hops: Vec<TargetAttempt>,
    /// An attempt may be running and charged after which no other may be made.
    blocked: bool,
    /// The last attempt that may be running and charged.
    exposed: Option<Exposure>,
    /// Attempts made while one may have been.
    duplicates: u32,
    /// Attempts that may be charged.
    paid: u32,
    /// The operation, and the number of its last attempt: of whichever target made one.
    made: Option<(OperationId, u32)>,
    /// The one before the last whose ending may have cost most, if it may have cost anything.
    kept: Option<(Class, AnsweredBy, Result<Response<R>, Error>)>,
}

impl<R> FallbackOperation<R> {
    /// Begins with the target that the request is addressed to, or with the first after it whose breaker
    /// lets it pass.
    pub(super) fn begin<B: Replay + From<Bytes>>(
        request: Request<B>,
        shared: Arc<Shared>,
        observer: Option<Observer>,
        replay: Option<MemoryBudget>,
    ) -> (Self, Request<B>) {
        let (head, body) = request.into_parts();
        let workload: Workload = head.extensions.get().cloned().unwrap_or_default();
        let provider = Provider::of(&head.extensions, &head.uri);
        let observer = match (observer, head.extensions.get::<Observer>().cloned()) {
            (Some(all), Some(own)) => Some(all.and(own)),
            (all, own) => all.or(own),
        };
        let mut operation = Self {
            shared,
            observer,
            replay,
            running: AnsweredBy {
                target: provider.unwrap_or_else(|| "".into()),
                index: 0,
                dialect: Dialect::Passthrough,
                workload: workload.clone(),
            },
            body: body.content(),
            head: head.clone(),
            workload,
            duplicate: false,
            ticket: None,
            hops: Vec::new(),
            blocked: false,
            exposed: None,
            duplicates: 0,
            paid: 0,
            made: None,
            kept: None,
        };
        let mut first = Request::from_parts(head, body);
        if let Some(others) = operation.others_after(0) {
            first.extensions_mut().insert(others);
        }
        let request = operation.enter(first);
        (operation, request)
    }

    /// The first request. An open breaker chooses between targets; it never refuses the operation.
    ///
    /// Where all are open, the first target is asked after all: an operation that nobody refused must not fail by a guess.
    fn enter<B: Replay + From<Bytes>>(&mut self, first: Request<B>) -> Request<B> {
        let key = BreakerKey::of(&self.running);
        let until = match self.shared.breakers.admit(key.clone()) {
            Ok(ticket) => {
                self.ticket = Some(ticket);
                return first;
            }
            Err(until) => until,
        };
        let origin = self.running.clone();
        self.skip(&origin.target, 0, SkipReason::Open(until));
        // What opens a breaker is an overload.
        if let Some(request) = self.next_request(Class::Overloaded, None) {
            self.tell(Class::Overloaded, &origin);
            return request;
        }
        self.running = origin;
        self.ticket = Some(self.shared.breakers.admit_anyway(key));
        first
    }

    /// What to do about an ending at the running target.
    pub(super) fn next<B: Replay + From<Bytes>>(
        &mut self,
        result: Result<Response<R>, Error>,
    ) -> Step<B, R> {
        let ending = TargetEnding::of(&result);
        self.account(&ending);
        let class = match self.reason_to_go_on(&ending) {
            Ok(class) => class,
            Err(stopped_by) => return Step::Settle(self.settle(result, stopped_by)),
        };
        let before = self.running.clone();
        match self.next_request(class, ending.report.as_ref()) {
            Some(request) => {
                self.tell(class, &before);
                self.keep(ending.class, before, result);
                Step::Ask(request)
            }
            None => Step::Settle(self.settle(result, FallbackStoppedBy::Targets)),
        }
    }

    /// Writes the ending down, and tells the breaker.
    ///
    /// Every attempt at the target counts, not the last one alone: an earlier one may be the one that still runs.
    fn account(&mut self, ending: &TargetEnding) {
        let ticket = self.ticket.take();
        self.blocked |= ending.classes().into_iter().any(|class| {
            class.is_none_or(|class| {
                leaves_something(class) && !self.shared.allow_duplicate.contains(&class)
            })
        });
        self.exposed = ending.exposed().or(self.exposed);
        self.duplicates += ending.report.as_ref().map_or(0, RetryReport::duplicates);
        let may_be_charged = |class: &Option<Class>| class.is_none_or(Class::is_possibly_charged);
        self.paid += ending
            .classes()
            .iter()
            .filter(|it| may_be_charged(it))
            .count() as u32;
        if let Some(ticket) = ticket {
            ticket.settle(&ending.classes(), ending.told);
        }
        self.hops.push(TargetAttempt {
            target: self.running.target.clone(),
            index: self.running.index,
            skipped: None,
            class: ending.class,
            report: ending.report.clone(),
            duplicate: self.duplicate,
        });
    }

    /// The class for which another target may be asked, or who stands against it.
    fn reason_to_go_on(&self, ending: &TargetEnding) -> Result<Class, FallbackStoppedBy> {
        let class = ending.reason().ok_or(FallbackStoppedBy::Class)?;
        let shared = &self.shared;
        let asks = |route: &Route| route.is_asked_after(class, &shared.triggers);
        if !shared.routes.iter().any(asks) {
            return Err(FallbackStoppedBy::Class);
        }
        if self.blocked {
            return Err(FallbackStoppedBy::Running);
        }
        if self.body.is_none() {
            return Err(FallbackStoppedBy::Body);
        }
        match self.deadline(ending.report.as_ref()) {
            Some(deadline) if deadline.left(Instant::now()).is_zero() => {
                Err(FallbackStoppedBy::Deadline)
            }
            _ => Ok(class),
        }
    }

    fn deadline(&self, before: Option<&RetryReport>) -> Option<OperationDeadline> {
        before
            .and_then(RetryReport::deadline)
            .cloned()
            .or_else(|| OperationDeadline::of(&self.head.extensions))
    }

    fn skip(&mut self, target: &Arc<str>, index: usize, why: SkipReason) {
        self.hops.push(TargetAttempt {
            target: target.clone(),
            index,
            skipped: Some(why),
            class: None,
            report: None,
            duplicate: false,
        });
    }

    /// Keeps an ending that may have cost something, if none before it may have cost more.
    ///
    /// As the retry layer does: of several endings, the caller gets the one that may have cost most.
    fn keep(&mut self, class: Option<Class>, by: AnsweredBy, result: Result<Response<R>, Error>) {
        let Some(class) = class.filter(|class| class.is_possibly_charged()) else {
            return;
        };
        let cost = |class: Class| class.charge_probability();
        if self
            .kept
            .as_ref()
            .is_none_or(|(kept, ..)| cost(class) >= cost(*kept))
        {
            self.kept = Some((class, by, result));
        }
    }

    /// What the caller gets: the last ending, or one before it that may have cost more.
    ///
    /// By likelihood and not by price: the targets have prices of their own, perhaps in several currencies.
    fn settle(
        &mut self,
        last: Result<Response<R>, Error>,
        stopped_by: FallbackStoppedBy,
    ) -> Result<Response<R>, Error> {
        let report = FallbackReport::new(mem::take(&mut self.hops), stopped_by);
        let class = TargetEnding::of(&last).class;
        let costlier = self.kept.take().filter(|(kept, ..)| {
            class.is_some_and(|class| class.charge_probability() < kept.charge_probability())
        });
        let (made_by, result) = match costlier {
            Some((_, made_by, kept)) => (made_by, kept),
            None => (self.running.clone(), last),
        };
        match result {
            Ok(mut response) => {
                response.extensions_mut().insert(made_by);
                response.extensions_mut().insert(report);
                Ok(response)
            }
            Err(mut error) => {
                error.extensions_mut().insert(report);
                Err(error)
            }
        }
    }

    fn tell(&self, class: Class, before: &AnsweredBy) {
        let event = Event::FallingBack {
            class,
            from: &before.target,
            to: &self.running.target,
            duplicate: self.duplicate,
        };
        tell(self.observer.as_ref(), &event);
    }
}
