//! Leaves an overloaded target alone, for each model and resolution apart.
//!
//! An overload belongs to a model and a size: 4K pictures may be refused while small ones pass. So there is a breaker for
//! each, made at the first overload and forgotten when it has nothing to say; at most 256 are kept.
//!
//! A breaker opens by refusals alone. How long a call takes says nothing: a slow picture is a picture.

mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use self::state::{Breaker, Passing};
use super::{policy::BreakerPolicy, report::AnsweredBy};
use crate::model::{Class, Resolution, Workload};

/// So many are kept; beyond that, the one that has been quiet for longest is forgotten.
const KEPT: usize = 256;

/// What a breaker is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct BreakerKey {
    index: usize,
    target: Arc<str>,
    model: Option<Arc<str>>,
    resolution: Resolution,
}

impl BreakerKey {
    pub(super) fn of(made_by: &AnsweredBy) -> Self {
        Self::new(made_by.index, made_by.target.clone(), &made_by.workload)
    }

    pub(super) fn new(index: usize, target: Arc<str>, workload: &Workload) -> Self {
        Self {
            index,
            target,
            model: workload.model.clone(),
            resolution: workload.resolution,
        }
    }
}

/// What an ending says about the health of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    Overloaded,
    /// It does its work.
    Working,
    /// Neither: unknown, or the call did not get that far.
    Nothing,
}

impl Health {
    /// Of an ending; `None` is a good answer whose body is still coming.
    const fn of(class: Option<Class>) -> Self {
        match class {
            Some(Class::Overloaded | Class::Unavailable) => Self::Overloaded,
            None
            | Some(
                Class::Delivered | Class::Undelivered | Class::NoImage | Class::ContentBlocked,
            ) => Self::Working,
            Some(_) => Self::Nothing,
        }
    }
}

/// The breakers of all targets.
#[derive(Debug)]
pub(super) struct Breakers {
    policy: BreakerPolicy,
    table: Mutex<Table>,
}

#[derive(Default, Debug)]
struct Table {
    breakers: HashMap<BreakerKey, Breaker>,
    probes: u64,
}

impl Breakers {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            table: Mutex::default(),
        }
    }

    /// Lets a call to `key` pass, or says why not.
    pub(super) fn admit(self: &Arc<Self>, key: BreakerKey) -> Result<Ticket, Option<Instant>> {
        let mut table = self.table();
        table.probes += 1;
        let id = table.probes;
        let admission = match table.breakers.get_mut(&key) {
            Some(breaker) => breaker.admit(Instant::now(), id),
            None => Passing::Pass,
        };
        let probe = match admission {
            Passing::Pass => None,
            Passing::Probe => Some(id),
            Passing::Refuse(until) => return Err(until),
        };
        Ok(self.ticket(key, probe))
    }

    /// Whether no call to `key` would pass now.
    pub(super) fn is_open(&self, key: &BreakerKey) -> bool {
        let table = self.table();
        table
            .breakers
            .get(key)
            .is_some_and(|breaker| breaker.is_open(Instant::now()))
    }

    /// Lets a call pass whatever the breaker says.
    pub(super) fn admit_anyway(self: &Arc<Self>, key: BreakerKey) -> Ticket {
        self.ticket(key, None)
    }

    fn ticket(self: &Arc<Self>, key: BreakerKey, probe: Option<u64>) -> Ticket {
        Ticket {
            breakers: self.clone(),
            key,
            probe,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A breaker changes in one assignment: a panic elsewhere cannot have left one half-changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.table().breakers.len()
    }
}

/// A call that a breaker let pass. Dropped without a word, it says nothing; a probe makes room for the next.
///
/// It belongs to the call, so that a probe that is dropped anywhere lets another one go
/// (`it_never_lets_two_probes_out_and_never_stays_open`).
#[derive(Debug)]
pub(super) struct Ticket {
    breakers: Arc<Breakers>,
    key: BreakerKey,
    probe: Option<u64>,
}

impl Ticket {
    /// What the attempts of the call showed, in order; `told` is the wait that the last answer asks for.
    pub(super) fn settle(self, classes: &[Option<Class>], told: Option<Duration>) {
        let last = classes.len().saturating_sub(1);
        for (at, class) in classes.iter().enumerate() {
            // Only the last can be an answer that is still coming; of the others nobody knows.
            if class.is_some() || at == last {
                self.show(Health::of(*class), told.filter(|_| at == last));
            }
        }
    }

    fn show(&self, evidence: Health, told: Option<Duration>) {
        let policy = &self.breakers.policy;
        if policy.overloads == 0 || evidence == Health::Nothing {
            return;
        }
        let now = Instant::now();
        let mut table = self.breakers.table();
        let breakers = &mut table.breakers;
        if evidence == Health::Overloaded && !breakers.contains_key(&self.key) {
            make_room(breakers, policy, now);
            breakers.insert(self.key.clone(), Breaker::default());
        }
        let Some(breaker) = breakers.get_mut(&self.key) else {
            return;
        };
        match evidence {
            Health::Overloaded => breaker.overloaded(now, told, policy),
            _ => breaker.worked(self.probe),
        }
        if breaker.is_idle(now, policy) {
            breakers.remove(&self.key);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(probe) = self.probe
            && let Some(breaker) = self.breakers.table().breakers.get_mut(&self.key)
        {
            breaker.release(probe);
        }
    }
}

fn make_room(breakers: &mut HashMap<BreakerKey, Breaker>, policy: &BreakerPolicy, now: Instant) {
    if breakers.len() < KEPT {
        return;
    }
    breakers.retain(|_, breaker| !breaker.is_idle(now, policy));
    while breakers.len() >= KEPT {
        let quietest = breakers
            .iter()
            .min_by_key(|(_, breaker)| breaker.latest())
            .map(|(key, _)| key.clone())
            .expect("it is not empty");
        breakers.remove(&quietest);
    }
}
