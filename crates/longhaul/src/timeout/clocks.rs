//! Limits are computed from what the attempt's handle says *now*, each time that somebody looks: a flush that is proved late
//! moves the beginning of the limit by size, and a submitted task switches it off. Nothing is stored that could be stale.

use std::time::Duration;

use tokio::time::Instant;

use super::{alarm::Limit, selector::AttemptTimeouts};
use crate::{
    attempt::{Attempt, Deadline, after},
    error::Clock,
    model::Phase,
};

/// The limits of one attempt, with the moments that they are counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    called: Instant,
    timeouts: AttemptTimeouts,
    deadline: Option<Deadline>,
}

impl Clocks {
    pub(super) fn start(timeouts: AttemptTimeouts, deadline: Option<Deadline>) -> Self {
        Self {
            called: Instant::now(),
            timeouts,
            deadline,
        }
    }

    /// Switches the limit by size off: the operation's deadline bounds the attempt from now on.
    pub(super) const fn without_picture_limit(&mut self) {
        self.timeouts.picture = None;
    }

    /// When to look first: no limit can be reached before.
    pub(super) fn first_look(&self) -> Instant {
        let AttemptTimeouts {
            start,
            write_progress,
            picture,
            ..
        } = self.timeouts;
        let shortest = start.min(write_progress).min(picture.unwrap_or(start));
        let nearest = after(self.called, shortest);
        self.whole().map_or(nearest, |whole| nearest.min(whole.at))
    }

    /// Until the head: the nearest limit, and when to look again.
    ///
    /// The second value is earlier than the limit where the next phase has a shorter one: a phase begins without waking this
    /// layer.
    pub(super) fn until_head(&self, attempt: &Attempt, now: Instant) -> (Limit, Instant) {
        let AttemptTimeouts {
            start,
            write_progress,
            picture,
            ..
        } = self.timeouts;
        let facts = attempt.facts();
        // What a phase that begins unseen may need at the earliest.
        let (of_phase, later) = match facts.phase() {
            _ if facts.is_task_open() => (None, None),
            Phase::Connect => (
                Some(limit(Clock::Start, self.called, start)),
                Some(write_progress.min(picture.unwrap_or(write_progress))),
            ),
            Phase::Write => {
                let progress = facts.write_progress_at().unwrap_or(self.called);
                (
                    Some(limit(Clock::WriteProgress, progress, write_progress)),
                    picture,
                )
            }
            Phase::Head | Phase::Body | Phase::Unknown => {
                (self.until_picture(facts.flushed_at()), None)
            }
        };
        let nearest = self.nearest(of_phase, now);
        let look_again = later.map_or(nearest.at, |later| nearest.at.min(after(now, later)));
        (nearest, look_again)
    }

    /// From the head until the picture begins: the nearest limit.
    pub(super) fn until_picture_begins(&self, attempt: &Attempt, now: Instant) -> Limit {
        self.nearest(self.until_picture(attempt.facts().flushed_at()), now)
    }

    /// From then on: the nearest limit. Nothing can bring one nearer.
    pub(super) fn since_progress(&self, progress: Instant, now: Instant) -> Limit {
        self.nearest(
            Some(limit(Clock::Silence, progress, self.timeouts.silence)),
            now,
        )
    }

    fn until_picture(&self, flushed: Option<Instant>) -> Option<Limit> {
        let flushed = flushed.unwrap_or(self.called);
        let picture = self.timeouts.picture?;
        Some(limit(Clock::Picture, flushed, picture))
    }

    fn nearest(&self, of_phase: Option<Limit>, now: Instant) -> Limit {
        of_phase
            .into_iter()
            .chain(self.whole())
            .min_by_key(|limit| limit.at)
            // Only a limit by size that was switched off without a deadline would leave nothing at all.
            .unwrap_or_else(|| limit(Clock::Operation, now, Duration::MAX))
    }

    /// The limits that run across all phases.
    fn whole(&self) -> Option<Limit> {
        let attempt = self
            .timeouts
            .attempt
            .map(|attempt| limit(Clock::Attempt, self.called, attempt));
        let operation = self.deadline.map(|deadline| Limit {
            clock: Clock::Operation,
            at: deadline.instant(),
            limit: deadline.instant().saturating_duration_since(self.called),
        });
        attempt
            .into_iter()
            .chain(operation)
            .min_by_key(|limit| limit.at)
    }
}

fn limit(clock: Clock, from: Instant, limit: Duration) -> Limit {
    Limit {
        clock,
        at: after(from, limit),
        limit,
    }
}
