//! Who is told of an attempt's end.
//!
//! A list of closures and not a channel: the ledger's guard and callers need the end on the spot, in the destructor that
//! brings it, where nothing can be awaited.

use std::fmt;

use super::Attempt;
use crate::model::Outcome;

type Hear = Box<dyn FnOnce(&Attempt, &Outcome) + Send>;

/// Who wants to know how an attempt ends.
#[derive(Default)]
pub(super) struct OnEnd(Vec<Hear>);

impl OnEnd {
    pub(super) fn push(&mut self, hear: impl FnOnce(&Attempt, &Outcome) + Send + 'static) {
        self.0.push(Box::new(hear));
    }

    /// Takes the list out of the attempt, so that each is told once. It is called without the attempt's lock.
    pub(super) fn tell(self, attempt: &Attempt, outcome: &Outcome) {
        for hear in self.0 {
            hear(attempt, outcome);
        }
    }
}

impl fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnEnd").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        attempt::OperationId,
        model::{Class, End},
    };

    #[test]
    fn whoever_asks_is_told_once_before_the_end_or_after_it() {
        let attempt = Attempt::new(OperationId::new(), 1, None);
        let told = Arc::new(Mutex::new(Vec::new()));
        let hear = |who| {
            let told = told.clone();
            attempt.on_end(move |attempt, outcome| {
                // The handle can be read there.
                let number = attempt.number();
                told.lock().unwrap().push((who, number, outcome.class));
            });
        };
        hear("early");
        attempt.finish(End::Finished, Class::Delivered);
        attempt.finish(End::Cancelled, Class::UnknownOutcome);
        hear("late");
        let told = told.lock().unwrap().clone();
        assert_eq!(
            told,
            [
                ("early", 1, Class::Delivered),
                ("late", 1, Class::Delivered)
            ]
        );
    }
}
