//! What an operation remembers between its attempts.

use std::{mem, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, request};
use tokio::time::Instant;

use super::{
    RetryPolicy, StoppedBy,
    report::{Repr, RetryReport},
    verdict::{Situation, Verdict},
};
use crate::{
    attempt::{Attempt, AttemptGuard, Continued, Deadline, OperationId, after},
    body::Replay,
    classify::{Class, Judgement, PeekedBytes, status::class_of, wait::told_in_headers},
    error::Error,
    observe::{Event, Observer, tell},
    outcome::End,
    timeout::UncutHead,
    workload::Workload,
};

/// An answer or an error that may be what the caller gets in the end.
#[derive(Debug)]
pub(super) enum Kept {
    /// A rejected answer: its head, and as much of its body as was read to judge it.
    Answer(Response<Bytes>),
    Failure(Error),
}

#[derive(Debug)]
pub(super) struct Operation<B> {
    id: OperationId,
    // Attempts that were made elsewhere.
    made: u32,
    policy: Arc<RetryPolicy>,
    observer: Option<Observer>,
    // The request without its body, and the body, where it can be sent again.
    head: request::Parts,
    body: Option<B>,
    replayable: bool,
    key: Option<HeaderValue>,
    deadline: Instant,
    expected: Duration,
    report: Repr,
    // The ended attempt with the highest exposure so far.
    kept: Option<(i64, Kept)>,
    // Owes the running attempt its outcome.
    guard: Option<AttemptGuard>,
}

impl<B: Replay> Operation<B> {
    pub(super) fn begin(
        request: Request<B>,
        policy: Arc<RetryPolicy>,
        observer: Option<Observer>,
    ) -> (Self, B) {
        let (mut head, body) = request.into_parts();
        // Each target that an operation goes to gets a key of its own.
        let new = OperationId::new();
        let continued = head.extensions.get::<Continued>();
        let (id, made) = continued.map_or((new, 0), |it| (it.operation, it.attempts));
        let resolution = head
            .extensions
            .get()
            .map_or_else(Default::default, |workload: &Workload| workload.resolution);

        let now = Instant::now();
        let own = policy
            .deadline
            .map(|deadline| after(now, deadline.of(resolution)));
        let callers = head
            .extensions
            .get::<Deadline>()
            .map(|deadline| deadline.instant());
        let deadline = own
            .into_iter()
            .chain(callers)
            .min()
            .unwrap_or_else(|| after(now, Duration::MAX));
        head.extensions.insert(Deadline::at(deadline));

        // The layers below tell the same observers.
        let own = head.extensions.remove::<Observer>();
        let observer = match (observer, own) {
            (Some(all), Some(own)) => Some(all.and(own)),
            (all, own) => all.or(own),
        };
        if let Some(observer) = &observer {
            head.extensions.insert(observer.clone());
        }

        let key = policy.key_header.as_ref().map(|name| {
            head.headers
                .entry(name)
                .or_insert_with(|| new_key(new))
                .clone()
        });
        let copy = body.try_clone();
        let operation = Self {
            id,
            made,
            observer,
            expected: policy.expected.of(resolution),
            policy,
            head,
            replayable: copy.is_some(),
            body: copy,
            key,
            deadline,
            report: Repr {
                deadline: Some(deadline),
                ..Repr::default()
            },
            kept: None,
            guard: None,
        };
        (operation, body)
    }

    /// The request of the next attempt.
    pub(super) fn next_request(&mut self, body: B) -> Request<B> {
        let attempt = self.next_attempt();
        let mut head = self.head.clone();
        if let Some(name) = &self.policy.attempt_header {
            head.headers
                .insert(name, HeaderValue::from(attempt.number()));
        }
        if self.policy.uncut_last_attempt && self.attempts() == self.policy.attempts {
            head.extensions.insert(UncutHead);
        }
        head.extensions.insert(attempt);
        Request::from_parts(head, body)
    }

    fn next_attempt(&mut self) -> Attempt {
        let number = self.made + self.attempts() + 1;
        let attempt = Attempt::new(self.id, number, self.key.clone());
        self.guard = Some(AttemptGuard::armed(attempt.clone()));
        self.tell(&Event::Started { attempt: &attempt });
        self.report.attempts.push(attempt.clone());
        attempt
    }

    /// The body once more.
    pub(super) fn body(&self) -> Option<B> {
        self.body.as_ref()?.try_clone()
    }

    /// What to do about an answer. `Err` gives it back for the caller.
    pub(super) fn judge_answer<R>(
        &mut self,
        response: Response<R>,
    ) -> Result<Duration, Response<R>> {
        let judgement = response.extensions().get::<Judgement>().copied();
        let status = response.status();
        let attempt = self.running().clone();
        let Some(class) = attempt
            .class()
            .or(judgement.map(|judgement| judgement.class))
            .or_else(|| class_of(status))
        else {
            // A success whose body is still to come: its meaning comes with the last byte.
            self.report.stopped_by = StoppedBy::Success;
            return Err(response);
        };
        attempt.head_received(status, response.version());
        let told = match judgement {
            Some(judgement) => judgement.wait,
            None => told_in_headers(response.headers()),
        };
        match self.verdict(&attempt, End::Finished, class, told) {
            Some(wait) => {
                attempt.finish(End::Finished, class);
                // The connection and the place in flight are given up with the rest of the body.
                let (head, _) = response.into_parts();
                if let Some(PeekedBytes(body)) = head.extensions.get().cloned() {
                    self.keep(class, Kept::Answer(Response::from_parts(head, body)));
                }
                Ok(wait)
            }
            None => Err(response),
        }
    }

    /// What to do about an error. `Err` gives it back for the caller.
    pub(super) fn judge_error(&mut self, error: Error) -> Result<Duration, Error> {
        let attempt = self.running().clone();
        let error = error.with_attempt(&attempt);
        if let Some(guard) = &mut self.guard {
            guard.fail(&error);
        }
        let class = error.class();
        if error.kind().is_refused_here() {
            self.report.stopped_by = StoppedBy::Class;
            return Err(error);
        }
        match self.verdict(&attempt, error.end(), class, None) {
            Some(wait) => {
                self.keep(class, Kept::Failure(error));
                Ok(wait)
            }
            None => Err(error),
        }
    }

    fn verdict(
        &mut self,
        attempt: &Attempt,
        end: End,
        class: Class,
        told: Option<Duration>,
    ) -> Option<Duration> {
        let situation = Situation {
            end,
            class,
            status: attempt.status(),
            attempt: self.attempts(),
            duplicates: self.report.duplicates,
            told,
            remaining: self.deadline.saturating_duration_since(Instant::now()),
            expected: self.expected,
            price: attempt.exposure(class).price,
            replayable: self.replayable,
        };
        match self.policy.verdict(&situation) {
            Verdict::Again { wait, duplicate } => {
                self.report.duplicates += u32::from(duplicate);
                self.report.waits.push(wait);
                self.tell(&Event::Waiting {
                    attempt,
                    class,
                    wait,
                    told,
                });
                Some(wait)
            }
            Verdict::Stop(stopped_by) => {
                self.report.stopped_by = stopped_by;
                if stopped_by == StoppedBy::ToldWait {
                    self.report.retry_at = told.map(|told| after(Instant::now(), told));
                }
                None
            }
        }
    }

    /// Keeps an ending if none before it may have cost more.
    fn keep(&mut self, class: Class, ending: Kept) {
        let rank = self.rank(class);
        if self.kept.as_ref().is_none_or(|(kept, _)| rank >= *kept) {
            self.kept = Some((rank, ending));
        }
    }

    /// The ending to hand on instead of the last one: one that may have cost more.
    pub(super) fn costlier_than(&mut self, class: Class) -> Option<Kept> {
        let rank = self.rank(class);
        let (kept, ending) = self.kept.take()?;
        (kept > rank).then_some(ending)
    }

    /// By what an ending may have cost: in money where the price is known, else by likelihood.
    fn rank(&self, class: Class) -> i64 {
        let exposure = self.running().exposure(class);
        match exposure.expected() {
            Some(money) => money.micros,
            None => i64::from(exposure.probability.as_per_mille()),
        }
    }

    /// Attempts that were begun here.
    fn attempts(&self) -> u32 {
        self.report.attempts.len() as u32
    }

    fn running(&self) -> &Attempt {
        self.report
            .attempts
            .last()
            .expect("an operation begins with its first attempt")
    }

    /// The guard of the running attempt, for whoever watches over its body.
    pub(super) fn take_guard(&mut self) -> Option<AttemptGuard> {
        self.guard.take()
    }

    /// The report, at the end.
    pub(super) fn report(&mut self) -> RetryReport {
        self.tell(&Event::Settled {
            attempt: self.running(),
        });
        RetryReport::new(mem::take(&mut self.report))
    }

    fn tell(&self, event: &Event<'_>) {
        tell(self.observer.as_ref(), event);
    }
}

fn new_key(id: OperationId) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("a UUID is a valid header value")
}
