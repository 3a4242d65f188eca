//! Tasks that are open, by the idempotency keys that they were submitted under.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync, time::Instant};

use longhaul::Attempt;

use super::TaskHandle;
use crate::exchange::Account;

/// One operation: who asks, under which key, and for what.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct OperationKey {
    pub(super) account: Account,
    pub(super) key: Bytes,
    pub(super) path: String,
    pub(super) fingerprint: u64,
}

/// Where the calls of one operation meet: one at a time submits or collects.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) turn: sync::Mutex<()>,
    task: Mutex<Option<OpenTask>>,
    /// We took the task back, if that was not too late.
    cancelled: AtomicBool,
    until: Instant,
}

/// A task that was submitted, and has not ended as far as is known.
#[derive(Clone, Debug)]
pub(super) struct OpenTask {
    pub(super) handle: TaskHandle,
    /// In whose books it is.
    pub(super) submitted_by: Option<Attempt>,
    pub(super) durable: bool,
}

/// All operations that are open.
#[derive(Debug)]
pub(super) struct Open {
    lifetime: Duration,
    places: Mutex<HashMap<OperationKey, Arc<Place>>>,
}

/// Beyond so many, those that are over are forgotten; if none is, the one that began first.
const MANY: usize = 4096;

impl Open {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            places: Mutex::default(),
        }
    }

    /// The place of an operation, made where there is none.
    pub(super) fn place(&self, key: &OperationKey) -> Arc<Place> {
        let mut places = self.places();
        if places.len() >= MANY && !places.contains_key(key) {
            let now = Instant::now();
            places.retain(|_, place| place.until > now);
            let first = places.iter().min_by_key(|(_, place)| place.until);
            if places.len() >= MANY
                && let Some(first) = first.map(|(key, _)| key.clone())
            {
                places.remove(&first);
            }
        }
        let place = places.entry(key.clone()).or_insert_with(|| {
            Arc::new(Place {
                turn: sync::Mutex::new(()),
                task: Mutex::new(None),
                cancelled: AtomicBool::new(false),
                until: Instant::now() + self.lifetime,
            })
        });
        Arc::clone(place)
    }

    /// Forgets an operation that has no task any more, unless somebody else waits for their turn at it.
    pub(super) fn leave(&self, key: &OperationKey) {
        let mut places = self.places();
        let idle = places
            .get(key)
            .is_some_and(|place| Arc::strong_count(place) <= 2 && place.task().is_none());
        if idle {
            places.remove(key);
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<OperationKey, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn task(&self) -> Option<OpenTask> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone()
    }

    pub(super) fn cancelled(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, task: Option<OpenTask>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }
}
