//! An index that does not answer for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use futures_util::future::{BoxFuture, ready};
use longhaul::{BoxError, Currency};

use super::*;
use crate::caller::Scope;

/// [`MemoryIndex`], whose reads fail while it is interrupted. Clones are one index.
#[derive(Clone, Debug)]
pub(super) struct Interrupted(Arc<(MemoryIndex, AtomicBool)>);

impl Default for Interrupted {
    fn default() -> Self {
        let index = MemoryIndex::new().unwrap();
        Self(Arc::new((index, AtomicBool::new(false))))
    }
}

impl Interrupted {
    pub(super) fn interrupt(&self, interrupted: bool) {
        self.0.1.store(interrupted, Ordering::Relaxed);
    }

    fn index(&self) -> &MemoryIndex {
        &self.0.0
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, BoxError>>;

impl Index for Interrupted {
    fn renew(&self) -> Answer<'_, u64> {
        self.index().renew()
    }

    fn secret(&self) -> [u8; 32] {
        self.index().secret()
    }

    fn begin(&self, row: Row) -> Answer<'_, Option<Row>> {
        self.index().begin(row)
    }

    fn end(&self, row: Row) -> Answer<'_, ()> {
        self.index().end(row)
    }

    fn resume(&self, id: PublicId) -> Answer<'_, Option<Row>> {
        self.index().resume(id)
    }

    fn release_key(&self, id: PublicId) -> Answer<'_, ()> {
        self.index().release_key(id)
    }

    fn get(&self, id: PublicId) -> Answer<'_, Option<Row>> {
        match self.0.1.load(Ordering::Relaxed) {
            true => Box::pin(ready(Err("interrupted".into()))),
            false => self.index().get(id),
        }
    }

    fn by_key(&self, scope: Scope, key: Digest) -> Answer<'_, Option<Row>> {
        self.index().by_key(scope, key)
    }

    fn by_request(
        &self,
        scope: Scope,
        request: Digest,
        since: SystemTime,
    ) -> Answer<'_, Option<Row>> {
        self.index().by_request(scope, request, since)
    }

    fn oldest_kept(&self, before: SystemTime, at_most: u32) -> Answer<'_, Vec<Row>> {
        self.index().oldest_kept(before, at_most)
    }

    fn kept_bytes(&self) -> Answer<'_, u64> {
        self.index().kept_bytes()
    }

    fn spent<'a>(
        &'a self,
        caller: &'a str,
        currency: Currency,
        since: Option<SystemTime>,
    ) -> Answer<'a, (i64, i64)> {
        self.index().spent(caller, currency, since)
    }
}
