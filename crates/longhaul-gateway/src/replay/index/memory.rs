//! All rows in a vector, in the order in which they began. Every question looks through all of them, from the end:
//! for tests and demonstrations that is nothing, and it shows in one page what an index has to do.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use futures_util::future::{BoxFuture, ready};

use super::{Digest, Index, PublicId, Row, Scope, State};
use crate::{
    core::{BoxError, Currency},
    wall_clock::millis,
};

/// An index that the process takes with it: for tests and demonstrations.
///
/// Without [`SqlIndex`](super::SqlIndex) a caller that comes back after a restart is a new one, and pays again.
///
/// It grows with each operation and forgets none. Of several gateways each has its own, so that a fleet needs a
/// database.
pub struct MemoryIndex {
    secret: [u8; 32],
    rows: Mutex<Vec<Row>>,
}

impl MemoryIndex {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness for the secret of its digests.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            secret,
            rows: Mutex::default(),
        })
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows are in the order of their beginnings: the last that fits is the newest.
    fn newest(&self, fits: impl Fn(&Row) -> bool) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let found = self.rows().iter().rev().find(|row| fits(row)).cloned();
        Box::pin(ready(Ok(found)))
    }
}

impl Index for MemoryIndex {
    fn renew(&self) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(ready(Ok(0)))
    }

    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn begin(&self, row: Row) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let mut rows = self.rows();
        let same_key =
            |other: &&Row| row.key.is_some() && (other.scope, other.key) == (row.scope, row.key);
        let existing = rows.iter().find(same_key).cloned();
        if existing.is_none() {
            rows.push(row);
        }
        Box::pin(ready(Ok(existing)))
    }

    fn end(&self, row: Row) -> BoxFuture<'_, Result<(), BoxError>> {
        let mut rows = self.rows();
        if let Some(known) = rows.iter_mut().find(|known| known.id == row.id) {
            // A key that was taken from it stays so.
            let key = known.key;
            *known = row;
            known.key = key;
        }
        Box::pin(ready(Ok(())))
    }

    fn resume(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let mut rows = self.rows();
        let unknown = |row: &&mut Row| row.id == id && row.state == State::Unknown;
        let found = rows.iter_mut().find(unknown).map(|row| {
            (row.state, row.ended) = (State::Running, None);
            row.clone()
        });
        Box::pin(ready(Ok(found)))
    }

    fn release_key(&self, id: PublicId) -> BoxFuture<'_, Result<(), BoxError>> {
        if let Some(row) = self.rows().iter_mut().find(|row| row.id == id) {
            row.key = None;
        }
        Box::pin(ready(Ok(())))
    }

    fn get(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        self.newest(|row| row.id == id)
    }

    fn by_key(&self, scope: Scope, key: Digest) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        self.newest(|row| row.scope == scope && row.key == Some(key))
    }

    fn by_request(
        &self,
        scope: Scope,
        request: Digest,
        since: SystemTime,
    ) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let since = millis(since);
        self.newest(|row| {
            row.scope == scope && row.request == request && row.ended.is_some_and(|at| at >= since)
        })
    }

    fn oldest_kept(
        &self,
        before: SystemTime,
        at_most: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, BoxError>> {
        let before = millis(before);
        let found = self
            .rows()
            .iter()
            .filter(|row| row.state == State::Kept && row.ended.is_some_and(|at| at < before))
            .take(at_most as usize)
            .cloned()
            .collect();
        Box::pin(ready(Ok(found)))
    }

    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, BoxError>> {
        let rows = self.rows();
        let kept = rows.iter().filter(|row| row.state == State::Kept);
        let bytes = kept.fold(0_u64, |sum, row| sum.saturating_add(row.length));
        Box::pin(ready(Ok(bytes)))
    }

    fn spent<'a>(
        &'a self,
        caller: &'a str,
        currency: Currency,
        since: Option<SystemTime>,
    ) -> BoxFuture<'a, Result<(i64, i64), BoxError>> {
        let since = since.map_or(0, millis);
        let sums = self
            .rows()
            .iter()
            .filter(|row| row.caller == caller && row.began >= since)
            .filter_map(|row| Some((row.certain, row.possible?)))
            .filter(|(_, possible)| possible.currency == currency)
            .fold((0_i64, 0_i64), |(certain, possible), row| {
                (
                    certain.saturating_add(row.0),
                    possible.saturating_add(row.1.micros),
                )
            });
        Box::pin(ready(Ok(sums)))
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex").finish_non_exhaustive()
    }
}
