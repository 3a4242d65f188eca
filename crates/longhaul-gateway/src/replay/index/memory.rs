//! All rows in a vector, in the order in which they began. Every question looks through all of them, from the end:
//! for tests and demonstrations that is nothing, and it shows in one page what an index has to do.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use futures_util::future::{BoxFuture, ready};

use super::{Digest, Forgotten, Index, PublicId, Row, Scope, State};
use crate::{
    core::{BoxError, Currency},
    wall_clock::millis,
};

/// An index that the process takes with it: for tests and demonstrations.
///
/// Without [`SqlIndex`](super::SqlIndex) a caller that comes back after a restart is a new one, and pays again.
///
/// It grows with each operation that has a key. Of several gateways each has its own, so that a fleet needs a database.
pub struct MemoryIndex {
    secret: [u8; 32],
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// In the order of their beginnings.
    all: Vec<Row>,
    forgotten: Forgotten,
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

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows are in the order of their beginnings: the last that fits is the newest.
    fn newest(&self, fits: impl Fn(&Row) -> bool) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let found = self.rows().all.iter().rev().find(|row| fits(row)).cloned();
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
        let rows = &mut self.rows().all;
        let same_key =
            |other: &&Row| row.key.is_some() && (other.scope, other.key) == (row.scope, row.key);
        let existing = rows.iter().find(same_key).cloned();
        if existing.is_none() && rows.iter().any(|other| other.id == row.id) {
            return Box::pin(ready(Err(
                "an operation of this name was there already".into()
            )));
        }
        if existing.is_none() {
            rows.push(row);
        }
        Box::pin(ready(Ok(existing)))
    }

    fn end(&self, row: Row) -> BoxFuture<'_, Result<(), BoxError>> {
        let rows = &mut self.rows().all;
        match rows.iter_mut().find(|known| known.id == row.id) {
            // A key that was taken from it stays so.
            Some(known) => {
                *known = Row {
                    key: known.key,
                    ..row
                }
            }
            None => rows.push(Row { key: None, ..row }),
        }
        Box::pin(ready(Ok(())))
    }

    fn resume(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        let rows = &mut self.rows().all;
        let unknown = |row: &&mut Row| row.id == id && row.state == State::Unknown;
        let found = rows.iter_mut().find(unknown).map(|row| {
            (row.state, row.ended) = (State::Running, None);
            row.clone()
        });
        Box::pin(ready(Ok(found)))
    }

    fn release_key(&self, id: PublicId) -> BoxFuture<'_, Result<(), BoxError>> {
        if let Some(row) = self.rows().all.iter_mut().find(|row| row.id == id) {
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
            (row.scope, row.request) == (scope, request)
                && row.state != State::Free
                && row.ended.is_some_and(|at| at >= since)
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
            .all
            .iter()
            .filter(|row| row.state == State::Kept && row.ended.is_some_and(|at| at < before))
            .take(at_most as usize)
            .cloned()
            .collect();
        Box::pin(ready(Ok(found)))
    }

    fn forget(&self, before: SystemTime, at_most: u32) -> BoxFuture<'_, Result<u64, BoxError>> {
        let before = millis(before);
        let Rows { all, forgotten } = &mut *self.rows();
        let goes = |row: &mut Row| {
            row.key.is_none()
                && matches!(row.state, State::Free | State::Unknown)
                && row.ended.is_some_and(|at| at < before)
        };
        let mut count = 0;
        for row in all.extract_if(.., goes).take(at_most as usize) {
            count += 1;
            if let Some(possible) = row.possible {
                let cost = (row.certain, possible.micros);
                forgotten.add(row.caller, possible.currency.to_string(), row.began, cost);
            }
        }
        Box::pin(ready(Ok(count)))
    }

    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, BoxError>> {
        let rows = self.rows();
        let kept = rows.all.iter().filter(|row| row.state == State::Kept);
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
        let rows = self.rows();
        let known = rows
            .all
            .iter()
            .filter(|row| row.caller == caller && row.began >= since)
            .filter_map(|row| Some((row.certain, row.possible?)))
            .filter(|(_, possible)| possible.currency == currency)
            .map(|(certain, possible)| (certain, possible.micros));
        let currency = currency.to_string();
        let forgotten = rows.forgotten.0.iter().filter(|((whose, of, day), _)| {
            (whose.as_str(), of) == (caller, &currency) && *day >= since
        });
        let all = known.chain(forgotten.map(|(_, cost)| *cost));
        let sums = all.fold((0_i64, 0_i64), |(certain, possible), cost| {
            (
                certain.saturating_add(cost.0),
                possible.saturating_add(cost.1),
            )
        });
        drop(rows);
        Box::pin(ready(Ok(sums)))
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex").finish_non_exhaustive()
    }
}
