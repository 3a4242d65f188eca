//! One breaker: a state machine without a clock of its own.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::{attempt::after, fallback::policy::BreakerPolicy};

#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// The latest overload.
    latest: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Calls pass. The overloads within the window, oldest first.
    Closed(VecDeque<Instant>),
    /// None passes until then; after that, one does.
    Open(Instant),
    /// One passes, by its number.
    Probing(u64),
}

/// Whether a call may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passing {
    Pass,
    /// As the one that finds out whether the others may.
    Probe,
    /// Not before then; without a moment, not before the probe has ended.
    Refuse(Option<Instant>),
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed(VecDeque::new()),
            latest: None,
        }
    }
}

impl Breaker {
    /// Whether a call, `id` by name, may pass.
    pub(super) fn admit(&mut self, now: Instant, id: u64) -> Passing {
        match self.state {
            State::Closed(_) => Passing::Pass,
            State::Open(until) if now < until => Passing::Refuse(Some(until)),
            State::Open(_) => {
                self.state = State::Probing(id);
                Passing::Probe
            }
            State::Probing(_) => Passing::Refuse(None),
        }
    }

    /// Whether no call may pass.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        match self.state {
            State::Closed(_) => false,
            State::Open(until) => now < until,
            State::Probing(_) => true,
        }
    }

    /// A call met an overload, and the server asks for a wait of `told`. It gets no longer one than an overload is remembered.
    pub(super) fn overloaded(
        &mut self,
        now: Instant,
        told: Option<Duration>,
        policy: &BreakerPolicy,
    ) {
        self.latest = self.latest.max(Some(now));
        let told = told.unwrap_or_default().min(policy.window);
        let until = after(now, policy.open.max(told));
        match &mut self.state {
            State::Closed(overloads) => {
                overloads.push_back(now);
                while overloads
                    .front()
                    .is_some_and(|&at| after(at, policy.window) <= now)
                {
                    overloads.pop_front();
                }
                if overloads.len() >= policy.overloads as usize {
                    self.state = State::Open(until);
                }
            }
            // Of a call that began before: only what the server asks for is news.
            State::Open(earlier) => {
                *earlier = after(now, told).max(*earlier);
            }
            State::Probing(_) => self.state = State::Open(until),
        }
    }

    /// A call worked; `probe` is its name if it was the probe.
    pub(super) fn worked(&mut self, probe: Option<u64>) {
        match &mut self.state {
            State::Closed(overloads) => overloads.clear(),
            State::Probing(id) if probe == Some(*id) => *self = Self::default(),
            // Of a call that began before the overload: old news.
            State::Open(_) | State::Probing(_) => {}
        }
    }

    /// The probe ended and showed nothing: the next call is one.
    pub(super) fn release(&mut self, probe: u64) {
        if let State::Probing(id) = self.state
            && id == probe
        {
            self.state = State::Open(self.latest.unwrap_or_else(Instant::now));
        }
    }

    /// Whether it says no more than a new one.
    pub(super) fn is_idle(&self, now: Instant, policy: &BreakerPolicy) -> bool {
        match &self.state {
            State::Closed(overloads) => overloads
                .back()
                .is_none_or(|&latest| after(latest, policy.window) <= now),
            State::Open(until) => after(*until, policy.window) <= now,
            State::Probing(_) => false,
        }
    }

    /// When it was last told of an overload.
    pub(super) const fn latest(&self) -> Option<Instant> {
        self.latest
    }
}
