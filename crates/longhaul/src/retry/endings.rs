use bytes::Bytes;
use http::Response;

use crate::{attempt::Attempt, error::Error, model::Class};

/// An answer or an error that may be what the caller gets in the end.
#[derive(Debug)]
pub(super) enum RejectedResult {
    /// A rejected answer: its head, and as much of its body as was read to judge it.
    /// Boxed, as errors are: most operations keep neither.
    Answer(Box<Response<Bytes>>),
    Failure(Error),
}

/// The endings that the caller may get instead of the last one.
#[derive(Debug, Default)]
pub(super) struct Endings {
    // The first, and of the later ones the one that may have cost most, with what each may have cost.
    first: Option<(i64, RejectedResult)>,
    dearest: Option<(i64, RejectedResult)>,
}

impl Endings {
    pub(super) fn keep(&mut self, attempt: &Attempt, class: Class, ending: RejectedResult) {
        let rank = rank(attempt, class);
        // An answer that is still in the making is no failure.
        if self.first.is_none() && class != Class::InFlight {
            self.first = Some((rank, ending));
        } else if self
            .dearest
            .as_ref()
            .is_none_or(|(dearest, _)| rank >= *dearest)
        {
            self.dearest = Some((rank, ending));
        }
    }

    /// The ending to hand on instead of the last one: one that may have cost more; for a key that was used
    /// up, the first, which is what used it up.
    pub(super) fn instead_of(&mut self, attempt: &Attempt, class: Class) -> Option<RejectedResult> {
        let (first, dearest) = (self.first.take(), self.dearest.take());
        if class == Class::KeyReuse {
            return first.map(|(_, ending)| ending);
        }
        // The later of equals.
        let (kept, ending) = first
            .into_iter()
            .chain(dearest)
            .max_by_key(|(rank, _)| *rank)?;
        (kept > rank(attempt, class)).then_some(ending)
    }
}

/// By what an ending may have cost: in money where the price is known, else by likelihood.
fn rank(attempt: &Attempt, class: Class) -> i64 {
    let exposure = attempt.exposure(class);
    match exposure.expected() {
        Some(money) => money.micros,
        None => i64::from(exposure.probability.as_permille()),
    }
}
