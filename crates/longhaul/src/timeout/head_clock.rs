use std::time::Duration;

use tokio::time::Instant;

use super::{alarm::Limit, limits::AttemptTimeouts};
use crate::{
    attempt::{Attempt, Deadline, after},
    error::Clock,
    model::Phase,
};

/// The clocks that run from the call until the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadClock {
    called: Instant,
    clocks: AttemptTimeouts,
    deadline: Option<Deadline>,
}

impl HeadClock {
    pub(super) fn start(clocks: AttemptTimeouts, deadline: Option<Deadline>) -> Self {
        Self {
            called: Instant::now(),
            clocks,
            deadline,
        }
    }

    /// Takes the head clock off: the operation's deadline bounds the attempt from now on.
    pub(super) const fn take_off_head(&mut self) {
        self.clocks.head = None;
    }

    /// When to look first: no limit can be reached before.
    pub(super) fn first_look(&self) -> Instant {
        let AttemptTimeouts {
            start,
            write_progress,
            head,
            ..
        } = self.clocks;
        let nearest = after(
            self.called,
            start.min(write_progress).min(head.unwrap_or(start)),
        );
        self.whole().map_or(nearest, |whole| nearest.min(whole.at))
    }

    /// The nearest limit, and when to look again.
    pub(super) fn next(&self, attempt: &Attempt, now: Instant) -> (Limit, Instant) {
        let AttemptTimeouts {
            start,
            write_progress,
            head,
            ..
        } = self.clocks;
        let facts = attempt.facts();
        // What a phase that begins unseen may need at the earliest.
        let (of_phase, later) = match facts.phase() {
            Phase::Connect => (
                Some(limit(Clock::Start, self.called, start)),
                Some(write_progress.min(head.unwrap_or(write_progress))),
            ),
            Phase::Write => {
                let progress = facts.write_progress_at().unwrap_or(self.called);
                (
                    Some(limit(Clock::WriteProgress, progress, write_progress)),
                    head,
                )
            }
            Phase::Head | Phase::Body | Phase::Unknown => {
                let flushed = facts.flushed_at().unwrap_or(self.called);
                (head.map(|head| limit(Clock::Head, flushed, head)), None)
            }
        };
        let nearest = of_phase
            .into_iter()
            .chain(self.whole())
            .min_by_key(|limit| limit.at)
            // Only a head clock that was taken off without a deadline would leave nothing at all.
            .unwrap_or_else(|| limit(Clock::Operation, now, Duration::MAX));
        let look_again = later.map_or(nearest.at, |later| nearest.at.min(after(now, later)));
        (nearest, look_again)
    }

    /// The limits that run across all phases.
    fn whole(&self) -> Option<Limit> {
        whole(self.called, &self.clocks, self.deadline)
    }

    /// The clocks of the body, from the head on.
    pub(super) fn body(&self) -> BodyClock {
        let now = Instant::now();
        BodyClock {
            head: now,
            progress: now,
            body_idle: self.clocks.body_idle,
            body: self.clocks.body,
            whole: self.whole(),
        }
    }
}

/// The clocks that run from the head until the last byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyClock {
    head: Instant,
    progress: Instant,
    body_idle: Duration,
    body: Duration,
    whole: Option<Limit>,
}

impl BodyClock {
    pub(super) fn progress(&mut self) {
        self.progress = Instant::now();
    }

    /// The nearest limit; nothing can bring one nearer.
    pub(super) fn next(&self) -> Limit {
        [
            limit(Clock::BodyIdle, self.progress, self.body_idle),
            limit(Clock::Body, self.head, self.body),
        ]
        .into_iter()
        .chain(self.whole)
        .min_by_key(|limit| limit.at)
        .expect("there are at least two")
    }
}

fn limit(clock: Clock, from: Instant, limit: Duration) -> Limit {
    Limit {
        clock,
        at: after(from, limit),
        limit,
    }
}

fn whole(called: Instant, clocks: &AttemptTimeouts, deadline: Option<Deadline>) -> Option<Limit> {
    let attempt = clocks
        .attempt
        .map(|attempt| limit(Clock::Attempt, called, attempt));
    let operation = deadline.map(|deadline| Limit {
        clock: Clock::Operation,
        at: deadline.instant(),
        limit: deadline.instant().saturating_duration_since(called),
    });
    attempt
        .into_iter()
        .chain(operation)
        .min_by_key(|limit| limit.at)
}
