//! Why no attempt is left without an outcome. Whoever makes a handle keeps a guard for it; whatever ends the code that holds
//! the guard, a return, a `?`, a panic or a drop, ends the attempt.

use std::mem;

use http::{Extensions, Response};

use super::{Error, cancelled_class, class_of_answer, failure_class};
use crate::{
    attempt::Attempt,
    model::{Class, End, Outcome},
};

/// Sees to it that an attempt has an outcome whatever happens: dropped, it cancels.
///
/// A layer keeps it *after* its inner future or body, so that those drop first and say what they know.
/// A guard of another layer's handle is disarmed: only the layer that made the handle, and
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
        if mem::take(&mut self.armed) {
            fail(&self.attempt, error);
        }
    }

    /// Writes down the head of an answer, and puts the handle into it.
    pub(crate) fn note_head<B>(&self, response: &mut Response<B>) {
        self.attempt
            .head_received(response.status(), response.version());
        self.attempt.put_into(response.extensions_mut());
    }

    /// The same where no classifier looks at the body: an answer that is not a success has its meaning in
    /// its status, and the attempt ends here, if that is this guard's to do.
    pub(crate) fn answered<B>(&mut self, response: &mut Response<B>) {
        self.note_head(response);
        if let Some(class) = class_of_answer(Some(&self.attempt), response)
            && !response.status().is_success()
        {
            self.finish(class);
        }
    }

    /// Ends the attempt with an answer, if that is this guard's to do.
    pub(crate) fn finish(&mut self, class: Class) {
        if mem::take(&mut self.armed) {
            self.attempt.finish(End::Finished, class);
        }
    }
}

/// Ends `attempt` as the built-in classifier reads `error`.
pub(crate) fn fail(attempt: &Attempt, error: &Error) -> Outcome {
    attempt.finish(error.end(), failure_class(error, attempt))
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.armed {
            self.attempt
                .finish(End::Cancelled, cancelled_class(&self.attempt));
        }
    }
}
