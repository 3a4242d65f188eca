//! The idle connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, task::AbortHandle, time::Instant};

use crate::{request::Origin, settings::Settings, wire::Wire};

/// Connections that carry nothing at the moment, the last one given back at the end of each list.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    /// None is kept longer.
    kept: Duration,
    /// How long one may have been idle to take a call that may be charged.
    fresh: Duration,
    per_origin: usize,
}

#[derive(Debug, Default)]
struct Idle {
    by_origin: HashMap<Origin, Vec<(Instant, Box<Wire>)>>,
    /// The task that waits to close what gets too old, while there is anything.
    watcher: Option<AbortHandle>,
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
    }
}

impl Pool {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            idle: Mutex::default(),
            kept: settings.pool_idle_timeout,
            fresh: settings.paid_idle_timeout.min(settings.pool_idle_timeout),
            per_origin: settings.pool_max_idle_per_host,
        }
    }

    /// The connection to `origin` that was idle for the shortest time, if that is short enough and its
    /// other end has not closed it.
    pub(crate) fn take(&self, origin: &Origin, paid: bool) -> Option<Box<Wire>> {
        let limit = if paid { self.fresh } else { self.kept };
        loop {
            // The lock is not held while a connection is looked at.
            let mut wire = {
                let mut idle = self.lock();
                let list = idle.by_origin.get_mut(origin)?;
                let (since, _) = list.last()?;
                if since.elapsed() >= limit {
                    return None;
                }
                list.pop()?.1
            };
            if wire.is_idle() {
                return Some(wire);
            }
        }
    }

    fn put(self: &Arc<Self>, origin: Origin, wire: Box<Wire>) {
        // Without a runtime there is nobody to close it later.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.per_origin == 0 {
            return;
        }
        let mut idle = self.lock();
        let list = idle.by_origin.entry(origin).or_default();
        if list.len() >= self.per_origin {
            list.remove(0);
        }
        list.push((Instant::now(), wire));
        idle.watcher.get_or_insert_with(|| {
            let watching = close_what_gets_old(Arc::downgrade(self), self.kept);
            runtime.spawn(watching).abort_handle()
        });
    }

    /// Closes what is too old; how long until the next one is, if there is one.
    fn close_old(&self) -> Option<Duration> {
        let mut idle = self.lock();
        let mut next = None;
        idle.by_origin.retain(|_, list| {
            list.retain(|(since, _)| since.elapsed() < self.kept);
            let oldest = list.first().map(|(since, _)| since.elapsed());
            let left = oldest.map(|age| self.kept.saturating_sub(age));
            next = [next, left].into_iter().flatten().min();
            !list.is_empty()
        });
        if next.is_none() {
            idle.watcher = None;
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close_what_gets_old(pool: Weak<Pool>, first: Duration) {
    let mut left = Some(first);
    while let Some(wait) = left {
        tokio::time::sleep(wait).await;
        left = pool.upgrade().and_then(|pool| pool.close_old());
    }
}

/// A connection that carries a call, and where it goes afterwards.
#[derive(Debug)]
pub(crate) struct Lease {
    // Never locked: a mutex makes what only `&mut` reaches `Sync`.
    wire: Mutex<Box<Wire>>,
    origin: Origin,
    pool: Arc<Pool>,
}

impl Lease {
    pub(crate) const fn new(wire: Box<Wire>, origin: Origin, pool: Arc<Pool>) -> Self {
        Self {
            wire: Mutex::new(wire),
            origin,
            pool,
        }
    }

    pub(crate) fn wire(&mut self) -> &mut Wire {
        self.wire.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer has ended. The connection is kept if nothing of the call is left on it.
    pub(crate) fn give_back(self) {
        let mut wire = self
            .wire
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if wire.is_idle() {
            self.pool.put(self.origin, wire);
        }
    }
}
