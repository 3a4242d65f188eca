//! Which of several endings the caller gets. The last one is not always the one to act on: after an attempt that may have
//! been charged, a final "connection refused" would read as if nothing had been lost. So the dearest ending is handed on, and
//! the report names the one that it displaced.
//!
//! At most three are kept, each without its connection.

use bytes::Bytes;
use http::Response;

use super::budget::may_be_charged;
use crate::{attempt::Attempt, error::Error, model::Class};

/// An answer or an error that may be what the caller gets in the end.
#[derive(Debug)]
pub(super) enum RejectedResult {
    /// A rejected answer: its head, and as much of its body as was read to judge it.
    /// Boxed, as errors are: most operations keep neither.
    Answer(Box<Response<Bytes>>),
    Failure(Error),
}

/// An ending, and what it may have cost.
#[derive(Debug)]
struct Kept {
    /// `None` for an answer that is still in the making: no failure.
    failed: bool,
    /// What may have been charged; `None` where that is nothing.
    charged: Option<i64>,
    attempt: Attempt,
    result: RejectedResult,
}

/// The endings that the caller may get instead of the last one: the first, the last, and of those that may be charged
/// the one that may have cost most.
#[derive(Debug, Default)]
pub(super) struct Endings(Vec<Kept>);

impl Endings {
    pub(super) fn keep(&mut self, attempt: &Attempt, class: Class, result: RejectedResult) {
        self.0.push(Kept {
            failed: class != Class::InFlight,
            charged: charged(attempt, class),
            attempt: attempt.clone(),
            result,
        });
        let first = self.0.iter().position(|kept| kept.failed);
        let dearest = self.dearest();
        let last = self.0.len() - 1;
        let mut at = 0;
        self.0.retain(|_| {
            at += 1;
            [first, dearest, Some(last)].contains(&Some(at - 1))
        });
    }

    /// The ending to hand on instead of the last one: of those that may be charged the one that may have cost most,
    /// the later of equals; for a key that was used up, the first, which is what used it up.
    pub(super) fn instead_of(&mut self, attempt: &Attempt, class: Class) -> Option<RejectedResult> {
        let at = if class == Class::KeyReuse {
            self.0.iter().position(|kept| kept.failed)?
        } else {
            let dearest = self.dearest()?;
            let last = charged(attempt, class);
            (self.0[dearest].charged > last).then_some(dearest)?
        };
        Some(self.0.swap_remove(at).result)
    }

    /// The ending to hand on where no attempt ended just now, and the last attempt if that is another one.
    pub(super) fn best(&mut self) -> Option<(RejectedResult, Option<Attempt>)> {
        let last = self.0.len().checked_sub(1)?;
        let at = self.dearest().unwrap_or(last);
        let displaced = (at != last).then(|| self.0[last].attempt.clone());
        Some((self.0.swap_remove(at).result, displaced))
    }

    fn dearest(&self) -> Option<usize> {
        let charged = |at: &usize| self.0[*at].charged.is_some();
        (0..self.0.len())
            .filter(charged)
            .max_by_key(|at| self.0[*at].charged)
    }
}

/// What an ending may have cost: in money where the price is known, else by likelihood. `None` where it is free, or
/// nearly so.
fn charged(attempt: &Attempt, class: Class) -> Option<i64> {
    let exposure = attempt.exposure(class);
    may_be_charged(&exposure).then(|| match exposure.expected() {
        Some(money) => money.micros,
        None => i64::from(exposure.probability.as_permille()),
    })
}
