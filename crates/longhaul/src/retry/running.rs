use super::budget::Reservation;
use crate::{
    attempt::Attempt,
    body::BodyObserver,
    error::{AttemptGuard, Error},
};

/// An attempt that was begun: what is owed to it, and the money that is held for it.
///
/// Kept after the attempt's future or body, so that those drop first and say what they know.
#[derive(Debug)]
pub(super) struct Running {
    // Before the ticket, which settles by the outcome.
    pub(super) guard: AttemptGuard,
    pub(super) ticket: Option<Box<Reservation>>,
    /// Whether it is known to be late.
    pub(super) late: bool,
}

impl Running {
    pub(super) fn begin(attempt: Attempt, mut ticket: Option<Box<Reservation>>) -> Self {
        if let Some(ticket) = &mut ticket {
            ticket.attach(&attempt);
        }
        Self {
            guard: AttemptGuard::armed(attempt),
            ticket,
            late: false,
        }
    }

    pub(super) const fn attempt(&self) -> &Attempt {
        self.guard.attempt()
    }

    /// Settles the money of an attempt that has ended.
    pub(super) fn settle(&mut self) {
        if self.attempt().outcome_now().is_some() {
            self.ticket = None;
        }
    }
}

/// Hedged the body of the answer that the caller gets.
impl<D> BodyObserver<D> for Running {
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
