//! Which target is asked next, and with what request.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use super::{
    super::{
        body,
        breaker::BreakerKey,
        report::{AnsweredBy, SkipReason},
        route::Route,
    },
    FallbackOperation,
};
use crate::{
    attempt::{Attempt, OtherTargets, PriorAttempts},
    body::Replay,
    error::RetryReport,
    model::{Class, Workload},
};

impl<R> FallbackOperation<R> {
    /// The request for the next target that can be asked; it is then the running one.
    pub(super) fn next_request<B: Replay + From<Bytes>>(
        &mut self,
        class: Class,
        before: Option<&RetryReport>,
    ) -> Option<Request<B>> {
        let shared = self.shared.clone();
        for (at, route) in shared.routes.iter().enumerate().skip(self.running.index) {
            match self.try_route(at + 1, route, class, before) {
                Ok(request) => return Some(request),
                Err(why) => self.skip(&route.name, at + 1, why),
            }
        }
        None
    }

    pub(super) fn try_route<B: Replay + From<Bytes>>(
        &mut self,
        index: usize,
        route: &Route,
        class: Class,
        before: Option<&RetryReport>,
    ) -> Result<Request<B>, SkipReason> {
        if !route.is_asked_after(class, &self.shared.triggers) {
            return Err(SkipReason::Trigger);
        }
        let last = before.and_then(|report| report.attempts().last());
        let used = last.and_then(Attempt::idempotency_key);
        let callers = self.body.as_ref().ok_or(SkipReason::Body)?;
        let (mut head, mut body) = route.request(&self.head, callers, &self.workload, used)?;
        let anew = !body::shares(callers, &body);
        if let Some(replay) = self.replay.as_ref().filter(|_| anew) {
            body = replay.hold(body).ok_or(SkipReason::ReplayLimit)?;
        }
        let next = AnsweredBy {
            target: route.name.clone(),
            index,
            dialect: route.dialect(),
            workload: head.extensions.get().cloned().unwrap_or_default(),
        };
        let ticket = self.shared.breakers.admit(BreakerKey::of(&next));
        self.ticket = Some(ticket.map_err(SkipReason::Open)?);
        self.running = next;
        self.duplicate = self.exposed.is_some();
        if let Some(others) = self.others_after(index) {
            head.extensions.insert(others);
        }
        // All targets share what is left of the time, and are one operation.
        if let Some(deadline) = self.deadline(before) {
            head.extensions.insert(deadline);
        }
        if let Some(last) = last {
            self.made = Some((last.operation(), last.number()));
        }
        if let Some((operation, attempts)) = self.made {
            head.extensions.insert(PriorAttempts {
                operation,
                attempts,
                duplicates: self.duplicates,
                paid: self.paid,
                exposed: self.exposed,
            });
        }
        Ok(Request::from_parts(head, body.into()))
    }

    /// After which endings others than the target with this index can be asked; `None` where none can.
    ///
    /// Told to the retry layer beforehand: it waits through an overload only at the last target that can be asked, and has to
    /// know which one that is.
    pub(super) fn others_after(&self, index: usize) -> Option<OtherTargets> {
        let shared = &self.shared;
        let body = self.body.as_ref().filter(|_| !self.blocked)?;
        let can_take = |(at, route): &(usize, &Route)| {
            let made = route.request(&self.head, body, &self.workload, None);
            made.is_ok_and(|(head, _)| {
                let workload: Workload = head.extensions.get().cloned().unwrap_or_default();
                let key = BreakerKey::new(at + 1, route.name.clone(), &workload);
                !shared.breakers.is_open(&key)
            })
        };
        let routes: Vec<_> = shared
            .routes
            .iter()
            .enumerate()
            .skip(index)
            .filter(can_take)
            .collect();
        let is_asked = |class: &Class| {
            routes
                .iter()
                .any(|(_, route)| route.is_asked_after(*class, &shared.triggers))
        };
        let after: Arc<[Class]> = Class::ALL.into_iter().filter(is_asked).collect();
        (!after.is_empty()).then(|| OtherTargets {
            after,
            despite: shared.allow_duplicate.as_slice().into(),
        })
    }
}
