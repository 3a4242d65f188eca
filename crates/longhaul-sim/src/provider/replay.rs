//! Idempotency, for the few providers that have it.
//!
//! A key that is known gets the work of its first request, running or done, so a second request waits for the first
//! one's picture. With another path or body it is refused, with 422, as the draft of the IETF on `Idempotency-Key` has
//! it. The map is never emptied: a simulator lives as long as a test.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use super::work::Generation;
use crate::dialect::Refusal;

/// The works by idempotency key.
#[derive(Debug, Default)]
pub(super) struct Replays {
    by_key: Mutex<HashMap<String, Replay>>,
}

/// The first request under a key: a fingerprint of path and body, and its work.
#[derive(Debug)]
struct Replay {
    request: u64,
    generation: Generation,
}

impl Replays {
    /// The work under this key and whether it was there before; else `start` starts it.
    ///
    /// Found and started under one lock, so that of two requests at once one starts the work.
    pub(super) fn of(
        &self,
        key: &str,
        path: &str,
        body: &[u8],
        start: impl FnOnce() -> Generation,
    ) -> Result<(Generation, bool), Refusal> {
        let mut hasher = DefaultHasher::new();
        (path, body).hash(&mut hasher);
        let request = hasher.finish();
        match self
            .by_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.to_owned())
        {
            Entry::Vacant(vacant) => {
                let generation = start();
                vacant.insert(Replay {
                    request,
                    generation: generation.clone(),
                });
                Ok((generation, false))
            }
            Entry::Occupied(known) if known.get().request != request => Err(Refusal::KeyReuse),
            Entry::Occupied(known) => Ok((known.get().generation.clone(), true)),
        }
    }
}
