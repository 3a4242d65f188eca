use http::Extensions;

use super::Attempt;
use crate::{
    classify::failure_class,
    error::Error,
    outcome::{End, Outcome},
};

/// Sees to it that an attempt has an outcome whatever happens: dropped, it cancels.
///
/// A layer keeps it *after* its inner future or body, so that those drop first and say what they know.
/// One that watches for somebody else's sake is disarmed: only the layer that made the handle, and
/// those that judge, owe it an outcome.
#[derive(Debug)]
pub(crate) struct AttemptGuard {
    attempt: Attempt,
    armed: bool,
}

impl AttemptGuard {
    /// Owes `attempt` an outcome.
    pub(crate) const fn armed(attempt: Attempt) -> Self {
        Self {
            attempt,
            armed: true,
        }
    }

    /// Enters the attempt of a request; armed where there was none before.
    pub(crate) fn enter(extensions: &mut Extensions) -> Self {
        let (attempt, armed) = Attempt::enter(extensions);
        Self { attempt, armed }
    }

    pub(crate) const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Ends the attempt with an error, if that is this guard's to do.
    pub(crate) fn fail(&mut self, error: &Error) {
        if std::mem::take(&mut self.armed) {
            fail(&self.attempt, error);
        }
    }

    /// Nothing is owed any more.
    pub(crate) const fn disarm(&mut self) {
        self.armed = false;
    }

    /// Whether an outcome is still owed.
    pub(crate) const fn is_armed(&self) -> bool {
        self.armed
    }
}

/// Ends `attempt` as the built-in classifier reads `error`.
pub(crate) fn fail(attempt: &Attempt, error: &Error) -> Outcome {
    attempt.finish(error.end(), failure_class(error, attempt))
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.armed {
            self.attempt.finish(
                End::Cancelled,
                crate::classify::cancelled_class(&self.attempt),
            );
        }
    }
}
