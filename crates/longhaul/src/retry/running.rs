//! What has to happen at the end of an attempt, tied to its lifetime: its outcome, then its money. The order of the fields is
//! the order of the drops, and the tests `dropped_at_any_point_…` drop every future at every poll to keep it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use super::budget::MoneyReservation;
use crate::{
    attempt::Attempt,
    body::BodyObserver,
    error::{AttemptGuard, Error},
};

/// An attempt that was begun: what is owed to it, and the money that is held for it.
///
/// Kept after the attempt's future or body, so that those drop first and say what they know.
#[derive(Debug)]
pub(super) struct RunningAttempt {
    // Before the reservation, which settles by the outcome.
    pub(super) guard: AttemptGuard,
    pub(super) reservation: Option<Box<MoneyReservation>>,
    /// The number of the attempt beside which it is a duplicate: one that may be running and charged.
    pub(super) beside: Option<u32>,
    /// It only asks for the answer of another.
    pub(super) collects: bool,
    pub(super) lateness: Lateness,
    /// Until another is to be made beside it. Boxed: few attempts are late.
    overdue: Option<Pin<Box<Sleep>>>,
}

/// Whether an attempt is late, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lateness {
    InTime,
    /// Its limit ran out, and it goes on alone.
    Late,
    /// Its request has been out for the longest silence: another may be made beside it.
    Overdue,
}

impl RunningAttempt {
    pub(super) fn begin(
        attempt: Attempt,
        mut reservation: Option<Box<MoneyReservation>>,
        beside: Option<u32>,
        collects: bool,
    ) -> Self {
        if let Some(reservation) = &mut reservation {
            reservation.attach(&attempt);
        }
        Self {
            guard: AttemptGuard::armed(attempt),
            reservation,
            beside,
            collects,
            lateness: Lateness::InTime,
            overdue: None,
        }
    }

    pub(super) const fn attempt(&self) -> &Attempt {
        self.guard.attempt()
    }

    /// Settles the money of an attempt that has ended.
    pub(super) fn settle(&mut self) {
        if self.attempt().outcome_now().is_some() {
            self.reservation = None;
        }
    }

    /// It is late; another may be made beside it after `patience`.
    pub(super) fn late(&mut self, patience: Duration) {
        self.lateness = Lateness::Late;
        self.overdue = Some(Box::pin(sleep(patience)));
    }

    /// Ready once, when it has been late for long enough.
    pub(super) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(overdue) = &mut self.overdue else {
            return Poll::Pending;
        };
        let expired = overdue.as_mut().poll(cx);
        if expired.is_ready() {
            self.overdue = None;
            self.lateness = Lateness::Overdue;
        }
        expired
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.lateness == Lateness::Overdue
    }

    /// The attempt beside which it was made turned out to be free: it is no duplicate, and holds nothing for being one.
    pub(super) fn is_no_duplicate(&mut self) {
        self.beside = None;
        if let Some(reservation) = &mut self.reservation {
            reservation.put_back_stake();
        }
    }
}

/// Beside the body of the answer that the caller gets.
impl<D> BodyObserver<D> for RunningAttempt {
    fn end(&mut self) -> Result<(), Error> {
        let end = BodyObserver::<D>::end(&mut self.guard);
        self.settle();
        end
    }

    fn error(&mut self, error: Error) -> Error {
        let error = BodyObserver::<D>::error(&mut self.guard, error);
        self.settle();
        error
    }
}
