//! What an attempt means that ended without a usable answer: by proof of what was sent.
//!
//! Proof outranks names. The operating system reports "host unreachable" of a connection that was never made and of one that
//! broke after the request; which of them it was, the bytes tell.

use std::io;

use super::Error;
use crate::{
    attempt::{Attempt, Sent},
    model::{Class, Exposure, class_of},
};

/// The class of an attempt that ended with `error`.
pub(crate) fn failure_class(error: &Error, attempt: &Attempt) -> Class {
    match error.kind().class() {
        // Whatever an error is called: a connection that wrote a part of the request outranks its name.
        Some(Class::NeverSent) if attempt.is_written() => {}
        Some(class) => return class,
        None => {}
    }
    match after_head(attempt) {
        Some(class) => class,
        None if is_connect_error(error) && attempt.may_be_unconnected() => Class::NeverSent,
        None => unanswered(attempt),
    }
}

/// The class of an attempt whose caller went away.
pub(crate) fn cancelled_class(attempt: &Attempt) -> Class {
    after_head(attempt).unwrap_or_else(|| unanswered(attempt))
}

impl Attempt {
    /// What may have been charged for it by now: at its end what its [outcome](Self::outcome_now) says, and while it runs
    /// what it would say if its caller left at this moment. For gauges: money that is out.
    ///
    /// ```
    /// use longhaul::{Attempt, Money};
    ///
    /// /// What is out at this moment, of the attempts that run: for a gauge.
    /// fn money_out(attempts: &[Attempt]) -> i64 {
    ///     attempts.iter().filter_map(|attempt| attempt.exposure_now().possible()).map(|money: Money| money.micros).sum()
    /// }
    ///
    /// assert_eq!(money_out(&[]), 0);
    /// ```
    pub fn exposure_now(&self) -> Exposure {
        match self.outcome_now() {
            Some(outcome) => outcome.exposure,
            None => self.exposure(cancelled_class(self)),
        }
    }
}

/// A broken answer: undelivered if it was a good one, else what its status said.
fn after_head(attempt: &Attempt) -> Option<Class> {
    let status = attempt.status()?;
    Some(class_of(status).unwrap_or(Class::Undelivered))
}

fn unanswered(attempt: &Attempt) -> Class {
    match attempt.sent() {
        Sent::Nothing => Class::NeverSent,
        Sent::Part => Class::SentPartial,
        Sent::PossiblyWhole => Class::UnknownOutcome,
    }
}

/// Whether the operating system says that it could not connect. It says so of a connection that broke later, too.
fn is_connect_error(error: &Error) -> bool {
    error.find_source::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::AddrNotAvailable
        )
    })
}

#[cfg(test)]
mod tests {
    use http::{StatusCode, Version};

    use super::*;
    use crate::{
        attempt::OperationId,
        model::{End, Money},
    };

    #[test]
    fn a_running_attempt_may_be_charged_once_it_is_out() {
        let price = Money::usd_micros(240_000);
        let attempt = Attempt::new(OperationId::new(), 1, None);
        attempt.set_price(Some(price), None, None);
        attempt.connecting();
        assert_eq!(attempt.exposure_now().possible(), Some(price.zero()));
        attempt.head_received(StatusCode::OK, Version::HTTP_11);
        assert_eq!(attempt.exposure_now().possible(), Some(price));
        let outcome = attempt.finish(End::Finished, Class::Delivered);
        assert_eq!(attempt.exposure_now(), outcome.exposure);
    }
}
