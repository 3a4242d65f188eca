//! Idempotency, for the few providers that have it.

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

#[derive(Debug)]
struct Replay {
    request: u64,
    generation: Generation,
}

impl Replays {
    /// The work under this key and whether it was there before; else `start` starts it.
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
