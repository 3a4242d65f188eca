//! Who is told of an attempt's end.
//!
//! A list of closures and not a channel: the ledger's guard and callers need the end on the spot, in the destructor that
//! brings it, where nothing can be awaited.
//!
//! What others wrote is called here, by sinks of tasks, and by observers in the middle of an operation. [`shielded`] is how.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::Attempt;
use crate::model::Outcome;

/// Calls what somebody else wrote, where something is half done that a panic would leave so: an attempt whose end not all
/// have heard, a picture that is on its way. A panic ends `call` alone, and gives `None`.
///
/// The process's panic hook has reported it by then. A destructor that let it out while another panic goes through would end
/// the process.
pub(crate) fn shielded<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

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
            shielded(|| hear(attempt, outcome));
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
        attempt::{OperationId, Sent, Transport, Written},
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

    #[derive(Debug)]
    struct Broken;

    impl Transport for Broken {
        fn written(&self) -> Written {
            panic!("of a connection")
        }
    }

    #[test]
    fn a_connection_that_cannot_be_asked_proves_nothing() {
        let attempt = Attempt::new(OperationId::new(), 1, None);
        attempt.link(Arc::new(Broken));
        assert_eq!(attempt.sent(), Sent::PossiblyWhole);
        let outcome = attempt.finish(End::Failed, Class::UnknownOutcome);
        assert_eq!(attempt.outcome_now(), Some(outcome));
    }

    #[tokio::test]
    async fn who_panics_at_an_end_keeps_it_from_nobody() {
        let attempt = Attempt::new(OperationId::new(), 1, None);
        let told = Arc::new(Mutex::new(0));
        let hear = || {
            let told = told.clone();
            attempt.on_end(move |_, _| *told.lock().unwrap() += 1);
        };
        let waiter = attempt.clone();
        let waiting = tokio::spawn(async move { waiter.outcome().await });
        tokio::task::yield_now().await;
        attempt.on_end(|_, _| panic!("of one who hears"));
        hear();
        attempt.finish(End::Finished, Class::Delivered);
        assert_eq!(waiting.await.unwrap().class, Class::Delivered);
        attempt.on_end(|_, _| panic!("of one who comes late"));
        hear();
        assert_eq!(*told.lock().unwrap(), 2);
    }
}
