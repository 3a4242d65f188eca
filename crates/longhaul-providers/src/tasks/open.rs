//! Tasks that are open, by the idempotency keys that they were submitted under.
//!
//! A call that ended without an end (its caller left, its deadline passed, its key was refused) leaves the handle here.
//! The next call of the same operation finds it and polls, in place of ordering a second picture. What a restart loses
//! is found in the ledger, where [`collect`](super::collect()) starts from.
//!
//! An entry is a lock for a turn and a slot for a handle. It lives while somebody visits it or the slot is filled, and
//! where there are many, those older than the deadline and a day are forgotten first. The tests
//! `the_next_call_of_an_operation_collects_what_the_first_left` and
//! `another_request_under_the_same_key_is_another_task` keep it.

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

use longhaul::{Attempt, Deadline};

use super::{TaskError, TaskHandle};
use crate::exchange::Account;

/// One operation: who asks, under which key, and for what.
///
/// All four have to agree: a key that is used again for another prompt orders another picture, and nobody collects what
/// another account has ordered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct OperationKey {
    pub(super) account: Account,
    pub(super) key: Bytes,
    pub(super) path: String,
    pub(super) fingerprint: u64,
}

/// Where the calls of one operation meet: one at a time submits or collects.
///
/// The turn is held for the whole exchange, polls included: a second caller waits, and then finds the slot empty or
/// takes over.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) turn: sync::Mutex<()>,
    /// What the next one to have the turn collects; empty once the task has ended.
    task: Mutex<Option<OpenTask>>,
    /// We took the task back, if that was not too late.
    cancelled: AtomicBool,
    /// When it may be forgotten, with or without a task.
    until: Instant,
}

/// A task that was submitted, and has not ended as far as is known.
#[derive(Clone, Debug)]
pub(super) struct OpenTask {
    pub(super) handle: TaskHandle,
    /// The attempt whose entry in the ledger is charged for the task; `None` where no layer above keeps one.
    pub(super) submitted_by: Option<Attempt>,
    /// Whether somebody has written the handle down already.
    pub(super) durable: bool,
    /// Why nobody can ask after it, where that is so: the next call of its operation is told the same, and orders nothing.
    pub(super) unreachable: Option<TaskError>,
}

/// All operations that are open.
///
/// The lock is held for a look and never over an await.
#[derive(Debug)]
pub(super) struct Open {
    lifetime: Duration,
    places: Mutex<HashMap<OperationKey, Arc<Place>>>,
}

/// Beyond so many, those that are over are forgotten; if none is, the one that began first.
///
/// 4,096 operations that were left open are far beyond any client's own; a gateway whose callers leave that often has a
/// ledger to collect from.
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
                until: Deadline::after(self.lifetime).instant(),
            })
        });
        Arc::clone(place)
    }

    /// Forgets an operation that has no task any more, unless somebody else waits for their turn at it.
    ///
    /// Two references are the map's and the visitor's own.
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
    /// The open task, if there is one; only whoever has the turn may act on it.
    pub(super) fn task(&self) -> Option<OpenTask> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone()
    }

    /// Said before the cancellation is sent: an end as “cancelled” that is seen afterwards may be ours.
    pub(super) fn cancelled(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether that was said, so that a task that ended as cancelled is submitted anew in place of being told as a
    /// failure.
    pub(super) fn was_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Fills or empties the slot.
    pub(super) fn set(&self, task: Option<OpenTask>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }
}
