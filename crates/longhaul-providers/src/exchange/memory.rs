//! What a host does not offer, remembered for a while.
//!
//! A host that refuses a task or a stream would refuse the next one too, and each question costs a round trip before
//! the picture is even ordered. So a refusal is remembered for as long as the policy says (`remember`, an hour by
//! default), for each host and key: another key of the same host may be allowed what this one is not. A restart
//! forgets, as does the end of the time, since providers learn new tricks. What is kept holds no key: only a
//! fingerprint that cannot be turned back.
//!
//! The memory is bounded (1,024 entries) because a gateway sees keys that its callers choose. The tests
//! `the_memory_is_bounded` and `what_was_found_out_is_forgotten_after_its_time` keep both.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, Uri, header::AUTHORIZATION};
use tokio::time::Instant;

/// A host as somebody with a key of their own: a fingerprint, which the key cannot be read from.
///
/// The fingerprint is that of the standard library's `DefaultHasher`, 64 bits. Two accounts that share one by chance
/// would share a refusal or a rate of polls; neither lets one see anything of the other's, since the key itself is sent
/// with each request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Account(u64);

/// The headers that carry keys, by the APIs known.
///
/// A poll carries these and no other header that a caller has made up.
pub(crate) static KEYS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

impl Account {
    /// The account that a request with this URI and these headers belongs to. A request without a key has one too: that
    /// of the host alone.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut hasher = DefaultHasher::new();
        uri.authority()
            .map(http::uri::Authority::as_str)
            .hash(&mut hasher);
        for name in &KEYS {
            for value in headers.get_all(name) {
                value.as_bytes().hash(&mut hasher);
            }
        }
        Self(hasher.finish())
    }
}

/// No more are kept: the oldest goes.
///
/// Who uses more keys than that is a gateway; where an entry was pushed out, the host is asked once more.
const MOST: usize = 1024;

/// What was found out of accounts, each for `lifetime`.
///
/// The lock is held for a look and never over an await. A poisoned lock is used all the same: a map of instants cannot
/// be half written in a way that matters.
#[derive(Debug)]
pub(crate) struct Memory<K> {
    lifetime: Duration,
    since: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Memory<K> {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            since: Mutex::default(),
        }
    }

    /// Whether this was noted, not longer ago than the lifetime.
    pub(crate) fn knows(&self, key: &K) -> bool {
        let since = self.since().get(key).copied();
        since.is_some_and(|since| since.elapsed() < self.lifetime)
    }

    /// Noting it again begins its time anew. At the bound, what is over is thrown out first, and only then the oldest.
    pub(crate) fn note(&self, key: K) {
        let mut since = self.since();
        if since.len() >= MOST {
            since.retain(|_, since| since.elapsed() < self.lifetime);
            let oldest = since.iter().min_by_key(|(_, since)| **since);
            if since.len() >= MOST
                && let Some(oldest) = oldest.map(|(key, _)| key.clone())
            {
                since.remove(&oldest);
            }
        }
        since.insert(key, Instant::now());
    }

    fn since(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_found_out_is_forgotten_after_its_time() {
        let memory = Memory::new(Duration::from_secs(3600));
        memory.note(1);
        assert!(memory.knows(&1) && !memory.knows(&2));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(!memory.knows(&1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let memory = Memory::new(Duration::from_secs(3600));
        for key in 0..MOST * 2 {
            memory.note(key);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(memory.since().len(), MOST);
        assert!(memory.knows(&(MOST * 2 - 1)));
    }

    #[test]
    fn an_account_is_a_host_and_a_key() {
        let account = |host: &str, key: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, key.parse().unwrap());
            Account::of(&host.parse().unwrap(), &headers)
        };
        assert_eq!(
            account("https://a.test/x", "k"),
            account("https://a.test/y", "k")
        );
        assert_ne!(
            account("https://a.test/x", "k"),
            account("https://a.test/x", "l")
        );
        assert_ne!(
            account("https://a.test/x", "k"),
            account("https://b.test/x", "k")
        );
    }
}
