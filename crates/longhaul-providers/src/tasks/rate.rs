//! So many polls a second for each account.
//!
//! A thousand tasks at once would poll a hundred times a second and be answered with 429, which delays all of them. So
//! polls of one account take numbered places in time, one interval apart. There is no queue to hold: a poll is told
//! when its place is, and sleeps until then. A poll that is dropped while it sleeps leaves its place unused.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::exchange::Account;

/// One instant for each account: when its next place is.
#[derive(Debug)]
pub(super) struct Rate {
    interval: Duration,
    next: Mutex<HashMap<Account, Instant>>,
}

/// Beyond so many accounts, those that have been idle are forgotten.
///
/// An account whose next place lies in the past is not polling now, and forgetting it changes nothing.
const MANY: usize = 1024;

impl Rate {
    /// The policy makes sure that `polls` is above zero. So many polls that the interval rounds to nothing are not
    /// bounded.
    pub(super) fn per_second(polls: f64) -> Self {
        Self {
            interval: Duration::try_from_secs_f64(1.0 / polls).unwrap_or_default(),
            next: Mutex::default(),
        }
    }

    /// Takes the next free instant of this account, which the caller waits for before it polls.
    pub(super) fn place(&self, account: Account) -> Instant {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= MANY {
            next.retain(|_, next| *next > now);
        }
        let place = next.entry(account).or_insert(now);
        let mine = (*place).max(now);
        *place = mine + self.interval;
        mine
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn polls_of_one_account_keep_their_distance() {
        let rate = Rate::per_second(10.0);
        let account = |host: &str| Account::of(&host.parse().unwrap(), &HeaderMap::new());
        let (one, two) = (account("https://a.test/"), account("https://b.test/"));
        let now = Instant::now();
        let places: Vec<_> = (0..3).map(|_| rate.place(one) - now).collect();
        assert_eq!(places, [0, 100, 200].map(Duration::from_millis));
        assert_eq!(rate.place(two), now);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate.place(one), Instant::now());
    }
}
