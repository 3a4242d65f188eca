//! The idle connections.
//!
//! hyper-util's pool decides alone when a connection may be used again, and starts a task for each. Here two limits
//! count: what costs nothing may have any idle connection, and what may be charged only one that is nearly fresh,
//! because a server that has just closed it leaves the request's fate unknown. A connection is looked at once more
//! before it is taken (its end may lie unread in the socket), which is what makes 2 s safe enough.
//!
//! Connections are driven by the calls that they carry, so an idle one has nobody who would notice that it should be
//! closed. One task for the whole pool does that, while there is anything, and ends with the last connection or the
//! client.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, task::AbortHandle, time::Instant};

use crate::{request::Origin, settings::Settings, wire::Wire};

/// Connections that carry nothing at the moment: a short list, since a client asks a handful of hosts and nothing stays
/// idle for long.
///
/// The lock is held for a look at the list and never over an await, nor while a connection is polled.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    /// The age at which an idle connection is closed.
    kept: Duration,
    /// How long one may have been idle to take a call that may be charged.
    fresh: Duration,
    /// How many are kept for each host.
    per_origin: usize,
}

#[derive(Debug, Default)]
struct Idle {
    /// Each with the instant at which it was given back, in that order.
    connections: Vec<(Instant, Origin, Box<Wire>)>,
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
    ///
    /// The youngest is looked at first: where that one is too old, so are all others. A connection that its server has
    /// closed is dropped, and the next one is looked at.
    pub(crate) fn take(&self, origin: &Origin, paid: bool) -> Option<Box<Wire>> {
        let limit = if paid { self.fresh } else { self.kept };
        loop {
            // The lock is not held while a connection is looked at.
            let mut wire = {
                let mut idle = self.lock();
                let mut connections = idle.connections.iter();
                let at = connections.rposition(|(_, to, _)| to == origin)?;
                if idle.connections[at].0.elapsed() >= limit {
                    return None;
                }
                idle.connections.remove(at).2
            };
            if wire.is_idle() {
                return Some(wire);
            }
        }
    }

    /// At the limit of its host the oldest goes. Outside of a tokio runtime the connection is closed at once.
    fn put(self: &Arc<Self>, origin: Origin, wire: Box<Wire>) {
        // Without a runtime there is nobody to close it later.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.per_origin == 0 {
            return;
        }
        let mut idle = self.lock();
        let all = idle.connections.iter().enumerate();
        let mut same = all.filter(|(_, (_, to, _))| *to == origin);
        let oldest = same.next().map(|(at, _)| at);
        let count = usize::from(oldest.is_some()) + same.count();
        if let Some(at) = oldest.filter(|_| count >= self.per_origin) {
            idle.connections.remove(at);
        }
        idle.connections.push((Instant::now(), origin, wire));
        idle.watcher.get_or_insert_with(|| {
            let watching = close_what_gets_old(Arc::downgrade(self), self.kept);
            runtime.spawn(watching).abort_handle()
        });
    }

    /// Closes what is too old; how long until the next one is, if there is one.
    fn close_old(&self) -> Option<Duration> {
        let mut idle = self.lock();
        let age = |since: &Instant| since.elapsed();
        idle.connections
            .retain(|(since, ..)| age(since) < self.kept);
        let oldest = idle.connections.first();
        let next = oldest.map(|(since, ..)| self.kept.saturating_sub(age(since)));
        if next.is_none() {
            idle.watcher = None;
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeps until the oldest is too old, closes it, and looks for the next. It holds the pool weakly, so a client that is
/// dropped is gone.
async fn close_what_gets_old(pool: Weak<Pool>, first: Duration) {
    let mut left = Some(first);
    while let Some(wait) = left {
        tokio::time::sleep(wait).await;
        left = pool.upgrade().and_then(|pool| pool.close_old());
    }
}

/// A connection that carries a call, and where it goes afterwards.
///
/// Dropped, it closes the connection: an answer that was not read to its end leaves bytes in the socket that would be
/// taken for the next answer.
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

    /// The connection, to be driven.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        self.wire.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer has ended. The connection is kept if nothing of the call is left on it.
    ///
    /// Kept only if the request was written whole and the answer read to its end; one whose server said
    /// `connection: close` is closed.
    pub(crate) fn give_back(self) {
        let mut wire = self
            .wire
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if wire.is_done() {
            self.pool.put(self.origin, wire);
        }
    }
}
