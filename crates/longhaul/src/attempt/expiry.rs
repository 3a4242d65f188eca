//! The timer that ends an operation at its deadline.
//!
//! Whoever owns a deadline races *every* wait against it: the caller's body, a place in flight, the ledger, the call, the
//! answer. One future has many such waits and one timer, so that the timer is kept here, beside the future's state, and not
//! wrapped around one wait.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Deadline, after};

/// The deadline of an operation, raced against whatever is waited for. Its timer is made at the first wait.
#[derive(Debug)]
pub(crate) struct Expiry {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Expiry {
    /// Never, without a deadline.
    ///
    /// A timer costs a heap allocation and a place in tokio's wheel. A call that never waits, as one whose answer is refused at
    /// once, needs neither: both come with the first poll.
    pub(crate) fn new(deadline: Option<Deadline>) -> Self {
        Self {
            at: deadline.map(Deadline::instant),
            sleep: None,
        }
    }

    /// How much later than the deadline it fires: for layers above others that keep the deadline themselves.
    ///
    /// Two timers of one moment fire in any order. The grace makes the layer below, which knows the attempt and its phase, the
    /// one that reports the end.
    pub(crate) fn after(deadline: Deadline, grace: Duration) -> Self {
        Self {
            at: Some(after(deadline.instant(), grace)),
            sleep: None,
        }
    }

    /// From now on it fires at this moment.
    ///
    /// For a default deadline that a queue has moved on. A moment that is the same again touches no timer.
    pub(crate) fn move_to(&mut self, at: Instant) {
        if self.at.replace(at) != Some(at)
            && let Some(sleep) = &mut self.sleep
        {
            sleep.as_mut().reset(at);
        }
    }

    /// Whether the time is over. To be asked after the work, so that what is here is never thrown away.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        sleep.as_mut().poll(cx)
    }
}
