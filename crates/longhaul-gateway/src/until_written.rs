//! Writing down how something ended, while a database is gone.
//!
//! Beginnings are refused while the database is gone, since nothing has been paid. Ends cannot be refused: they have
//! happened. So they are written again and again, with waits of 1, 2, 4 and then 8 s, for as long as a restart or a
//! failover can be expected to take, and much longer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::core::BoxError;

/// For how long it is tried.
///
/// Then it is logged that it is given up, and the end is as unknown as after a crash.
const WITHIN: Duration = Duration::from_secs(3600);
/// Between the first two tries; each wait is twice as long as the one before, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Calls `write` until it succeeds, for an hour at most: a database is gone for minutes when it is restarted, and an end that
/// is not written down is an operation of unknown outcome, or money that stays held. Each failure is logged with `what`.
/// False where it is never written.
///
/// A write that fails may have been made: `write` is one that can be made twice.
pub(crate) async fn until_written<F>(what: &str, mut write: impl FnMut() -> F) -> bool
where
    F: Future<Output = Result<(), BoxError>>,
{
    let begun = Instant::now();
    let mut wait = FIRST_WAIT;
    while let Err(error) = write().await {
        let gives_up = begun.elapsed() >= WITHIN;
        tracing::error!(what, error, gives_up, "it cannot be written down");
        if gives_up {
            return false;
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it was written, after how many tries and how long, where the database is back after `gone`.
    async fn written_after(gone: Duration) -> (bool, u32, Duration) {
        let begun = Instant::now();
        let mut tries = 0;
        let written = until_written("a test", || {
            tries += 1;
            let back = begun.elapsed() >= gone;
            async move {
                match back {
                    true => Ok(()),
                    false => Err("gone".into()),
                }
            }
        });
        (written.await, tries, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_written_as_soon_as_the_database_is_back() {
        let seconds = Duration::from_secs;
        assert_eq!(written_after(seconds(0)).await, (true, 1, seconds(0)));
        assert_eq!(written_after(seconds(6)).await, (true, 4, seconds(7)));
        let (written, tries, took) = written_after(seconds(1800)).await;
        assert!(written && took < seconds(1800) + LONGEST_WAIT);
        assert!((200..300).contains(&tries), "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_hour_it_is_given_up() {
        let (written, _, took) = written_after(Duration::MAX).await;
        assert!(!written);
        assert!(took >= WITHIN && took < WITHIN + LONGEST_WAIT, "{took:?}");
    }
}
