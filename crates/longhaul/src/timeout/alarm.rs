//! One timer, armed to the nearest of several limits.
//!
//! A timer says when it fired, not when the runtime came to look. A runtime that was busy for a second finds the timer and
//! the answer at once; without the grace below, it would throw away a picture that lies in the socket. The tests in
//! `timeout/tests/stalls.rs` keep both halves: what came within the grace is delivered, and the grace is given once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use crate::{
    attempt::after,
    error::{Clock, Error, ErrorKind},
    model::Resolution,
};

/// A timer that fires later than this shows that the runtime stalled, not that the answer is late.
const LATE: Duration = Duration::from_millis(2);

/// How long an answer that came during a stall has to get from the socket to us.
const GRACE: Duration = Duration::from_millis(50);

/// A limit, and when it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    pub(super) clock: Clock,
    pub(super) at: Instant,
    pub(super) limit: Duration,
}

impl Limit {
    /// The error for the caller. `resolution` is what the limit was chosen by.
    pub(super) fn expired(&self, resolution: Resolution) -> Error {
        Error::new(ErrorKind::Timeout {
            clock: self.clock,
            limit: self.limit,
            elapsed: self
                .limit
                .saturating_add(Instant::now().saturating_duration_since(self.at)),
            resolution: (self.clock == Clock::Picture).then_some(resolution),
        })
    }
}

/// Whether the clock was set on already. Once for a head, once for a body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alarm {
    set_on: bool,
}

impl Alarm {
    /// Ready when the nearest limit is reached. `next` tells it anew whenever the timer fires, with the
    /// moment to look again: at the limit, or earlier where a nearer one may have begun meanwhile.
    ///
    /// One timer for all limits, moved only when it fires: progress comes with each slice, and moving a timer then would cost
    /// more than the slice.
    pub(super) fn poll_expired(
        &mut self,
        mut sleep: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
        mut next: impl FnMut(Instant) -> (Limit, Instant),
    ) -> Poll<Limit> {
        loop {
            ready!(sleep.as_mut().poll(cx));
            let now = Instant::now();
            let (nearest, look_again) = next(now);
            if now < nearest.at {
                sleep.as_mut().reset(look_again);
            } else if now - nearest.at > LATE && !self.set_on {
                self.set_on = true;
                sleep.as_mut().reset(after(now, GRACE));
            } else {
                return Poll::Ready(nearest);
            }
        }
    }
}
