//! Writing down how something ended, while a database is gone.
//!
//! Beginnings are refused while the database is gone, since nothing has been paid. Ends cannot be refused: they have
//! happened. So they are written again and again, with waits of 1, 2, 4 and then 8 s, for as long as the process lives: a
//! row that says "running" makes callers wait, and money that is held closes an account.
//!
//! A beginning that failed needs an end too, since it may have been written; not where that is disproved ([`NotReached`]).

use std::{error::Error, fmt, time::Duration};

use tokio::time::sleep;

use crate::core::BoxError;

/// Between the first two tries; each wait is twice as long as the one before, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// No line to the database was to be had: what was to be written is not.
///
/// Else each call that is refused while a database is gone would be an end that waits for it.
#[derive(Debug)]
pub(crate) struct NotReached(pub(crate) sqlx::Error);

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for NotReached {}

/// Calls `write` until it succeeds. Each failure is logged with `what`. Dropped before, at the end of the process, the end
/// is as unknown as after a crash.
///
/// A write that fails may have been made: `write` is one that can be made twice.
pub(crate) async fn until_written<F>(what: &str, mut write: impl FnMut() -> F)
where
    F: Future<Output = Result<(), BoxError>>,
{
    let mut wait = FIRST_WAIT;
    while let Err(error) = write().await {
        tracing::error!(what, error, "it cannot be written down");
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// After how many tries and how long it was written, where the database is back after `gone`.
    async fn written_after(gone: Duration) -> (u32, Duration) {
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
        written.await;
        (tries, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_written_as_soon_as_the_database_is_back() {
        let seconds = Duration::from_secs;
        assert_eq!(written_after(seconds(0)).await, (1, seconds(0)));
        assert_eq!(written_after(seconds(6)).await, (4, seconds(7)));
        let (tries, took) = written_after(seconds(1800)).await;
        assert!(took < seconds(1800) + LONGEST_WAIT);
        assert!((200..300).contains(&tries), "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_written_however_long_the_database_is_gone() {
        let days = Duration::from_secs(3 * 86_400);
        let (_, took) = written_after(days).await;
        assert!(took >= days && took < days + LONGEST_WAIT, "{took:?}");
    }
}
