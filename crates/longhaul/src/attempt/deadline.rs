//! When an operation must have ended.
//!
//! Two things bound an operation: a moment that somebody set, and a default that follows from the limits in force. They differ
//! in one point. A queue for a place in flight moves the default on, since waiting there says nothing of how long an attempt
//! needs; it never moves what was set, since whoever set it waits for an answer and not for an attempt.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Extensions;
use tokio::time::Instant;

use super::{Attempt, after};

/// When the operation must have ended, all attempts and waits together.
///
/// A caller sets it as a request extension, to shorten one operation. The retry layer gives every attempt the
/// earlier of the caller's and its own; the timeout layer ends the attempt at it. Below, [`of`](Self::of)
/// reads the one that counts.
///
/// ```
/// let request = http::Request::get("https://api.example.com/status")
///     .extension(longhaul::Deadline::after(std::time::Duration::from_secs(8)))
///     .body(());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The operation ends at `instant`.
    ///
    /// For a moment that several operations share:
    ///
    /// ```
    /// use longhaul::Deadline;
    /// use tokio::time::{Duration, Instant};
    ///
    /// // Two pictures for one page: neither is of use after the page is sent.
    /// let page = Deadline::at(Instant::now() + Duration::from_secs(240));
    /// let first = http::Request::post("https://api.example.com/v1/images").extension(page).body(());
    /// let second = http::Request::post("https://api.example.com/v1/images").extension(page).body(());
    /// ```
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The operation ends `duration` from now; never, where that lies beyond the clock's range.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::Deadline;
    ///
    /// let mut request = http::Request::new(());
    /// request.extensions_mut().insert(Deadline::after(Duration::from_secs(60)));
    /// request.extensions_mut().insert(Deadline::after(Duration::from_secs(8)));
    /// let left = Deadline::of(request.extensions()).unwrap().instant() - tokio::time::Instant::now();
    /// assert!(left <= Duration::from_secs(8), "the last one that was set counts");
    /// ```
    pub fn after(duration: Duration) -> Self {
        Self(after(Instant::now(), duration))
    }

    /// The one that counts for a request: its attempt's, else its caller's.
    ///
    /// An attempt's is later after a wait for a place in flight than before it: see
    /// [`RetryPolicy::deadline`](crate::retry::RetryPolicy::deadline).
    pub fn of(extensions: &Extensions) -> Option<Self> {
        OperationDeadline::of(extensions).map(|deadline| deadline.now())
    }

    /// The moment it ends.
    ///
    /// To stop work of one's own at the same moment: `tokio::time::timeout_at(deadline.instant(), work)`. Of two deadlines the
    /// earlier one is the smaller:
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::Deadline;
    ///
    /// let (soon, late) = (Deadline::after(Duration::from_secs(8)), Deadline::after(Duration::from_secs(60)));
    /// assert_eq!(soon.min(late).instant(), soon.instant());
    /// ```
    pub const fn instant(self) -> Instant {
        self.0
    }
}

/// The deadline of an operation, shared by its attempts at all targets: the earlier of what was set, by the caller or in
/// the policy, and of the default, which is the time that attempts need.
///
/// The default stands still while the operation waits for a place in flight: how long a queue is says nothing of an
/// attempt. What was set holds whatever is waited for.
#[derive(Clone, Debug)]
pub(crate) struct OperationDeadline(Arc<Deadlines>);

#[derive(Debug)]
struct Deadlines {
    /// Beyond the clock's range where nothing was set.
    set: Deadline,
    default: Option<Mutex<DefaultDeadline>>,
}

#[derive(Debug)]
struct DefaultDeadline {
    at: Instant,
    paused: Option<Instant>,
}

impl From<Deadline> for OperationDeadline {
    fn from(set: Deadline) -> Self {
        Self(Arc::new(Deadlines { set, default: None }))
    }
}

impl OperationDeadline {
    /// Nothing else was set than by the caller, if by anyone.
    ///
    /// `callers` is what the caller or the policy set, which bounds the operation beside the default. Without it the bound lies
    /// beyond the clock's range, so that [`now`](Self::now) is the default alone.
    pub(crate) fn by_default(at: Instant, callers: Option<Deadline>) -> Self {
        let default = DefaultDeadline { at, paused: None };
        Self(Arc::new(Deadlines {
            set: callers.unwrap_or_else(|| Deadline::after(Duration::MAX)),
            default: Some(Mutex::new(default)),
        }))
    }

    /// The one that counts for a request: its attempt's, else that of the operation that it goes on with, else its
    /// caller's.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        let attempt: Option<&Attempt> = extensions.get();
        attempt
            .and_then(|attempt| attempt.options().deadline.clone())
            .or_else(|| extensions.get().cloned())
            .or_else(|| extensions.get().copied().map(Deadline::into))
    }

    /// As far as it is known now.
    pub(crate) fn now(&self) -> Deadline {
        let set = self.0.set;
        match self.default() {
            Some(default) => set.min(Deadline(default.moved())),
            None => set,
        }
    }

    /// What is left of it at `moment`.
    pub(crate) fn left(&self, moment: Instant) -> Duration {
        self.now().instant().saturating_duration_since(moment)
    }

    /// What was set, which no wait moves.
    pub(crate) fn set(&self) -> Deadline {
        self.0.set
    }

    /// The operation waits for a place in flight until this is dropped.
    ///
    /// One pause at a time: attempts of one operation share a place in flight, so that only one of them waits for it.
    pub(crate) fn pause(&self) -> Pause {
        if let Some(mut default) = self.default() {
            default.paused = Some(Instant::now());
        }
        Pause(self.clone())
    }

    fn default(&self) -> Option<MutexGuard<'_, DefaultDeadline>> {
        let default = self.0.default.as_ref()?;
        // Plain values: a panic elsewhere cannot have left them half-written.
        Some(default.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DefaultDeadline {
    /// While it stands still, it lies as far ahead as at the moment when the pause began. The pause's end makes that final.
    fn moved(&self) -> Instant {
        let waited = self.paused.map_or(Duration::ZERO, |since| since.elapsed());
        after(self.at, waited)
    }
}

/// A default deadline that stands still.
#[derive(Debug)]
pub(crate) struct Pause(OperationDeadline);

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(mut default) = self.0.default() {
            default.at = default.moved();
            default.paused = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_default_stands_still_while_a_place_is_waited_for() {
        let began = Instant::now();
        let deadline = OperationDeadline::by_default(began + 10 * SECOND, None);
        advance(SECOND).await;
        let pause = deadline.pause();
        for _ in 0..3 {
            advance(100 * SECOND).await;
            assert_eq!(deadline.left(Instant::now()), 9 * SECOND);
        }
        drop(pause);
        assert_eq!(deadline.now().instant(), began + 310 * SECOND);
        advance(4 * SECOND).await;
        drop(deadline.pause());
        assert_eq!(deadline.left(Instant::now()), 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_set_holds_whatever_is_waited_for() {
        let began = Instant::now();
        let set = Deadline::after(20 * SECOND);
        for deadline in [
            OperationDeadline::by_default(began + 10 * SECOND, Some(set)),
            OperationDeadline::from(set),
        ] {
            let pause = deadline.pause();
            advance(15 * SECOND).await;
            assert!(deadline.now() <= set);
            advance(5 * SECOND).await;
            drop(pause);
            assert_eq!(deadline.now(), set);
        }
    }
}
