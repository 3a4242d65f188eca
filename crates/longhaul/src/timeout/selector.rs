use std::time::Duration;

use super::{AtLimit, TimeoutPolicy};
use crate::{config::scale, model::Workload};

/// Chooses the limits of an attempt by its workload. [`TimeoutPolicy`] is the table; closures are policies too.
///
/// ```
/// use longhaul::{Workload, timeout::{SizeAwareTimeoutLayer, TimeoutPolicy, TimeoutSelector}};
///
/// // Twice as long for one model that is known to be slow.
/// let table = TimeoutPolicy::default();
/// let layer = SizeAwareTimeoutLayer::with_policy(move |workload: &Workload| {
///     let mut timeouts = table.timeouts(workload);
///     if workload.model.as_deref() == Some("studio") {
///         timeouts.picture = timeouts.picture.map(|limit| limit * 2);
///     }
///     timeouts
/// });
/// ```
pub trait TimeoutSelector {
    /// The limits of one attempt at `workload`.
    fn timeouts(&self, workload: &Workload) -> AttemptTimeouts;

    /// The same after so many attempts of the operation whose limit ran out. By default no other.
    ///
    /// ```
    /// use longhaul::{Resolution, Workload, timeout::{TimeoutPolicy, TimeoutSelector}};
    ///
    /// let mut limits = TimeoutPolicy::default();
    /// limits.after_timeout = Some(1.5);
    /// let large = Workload::of(Resolution::K4);
    /// assert_eq!(limits.timeouts_after(&large, 0).picture.unwrap().as_secs(), 600);
    /// assert_eq!(limits.timeouts_after(&large, 2).picture.unwrap().as_secs(), 1_350);
    /// ```
    fn timeouts_after(&self, workload: &Workload, expiries: u32) -> AttemptTimeouts {
        let _ = expiries;
        self.timeouts(workload)
    }
}

impl TimeoutSelector for TimeoutPolicy {
    fn timeouts(&self, workload: &Workload) -> AttemptTimeouts {
        AttemptTimeouts {
            start: self.start,
            write_progress: self.write_progress,
            picture: Some(self.picture_for(workload)),
            at_limit: self.at_limit,
            silence: self.silence,
            attempt: self.attempt,
        }
    }

    fn timeouts_after(&self, workload: &Workload, expiries: u32) -> AttemptTimeouts {
        let timeouts = self.timeouts(workload);
        let factor = self
            .after_timeout
            .map(|factor| factor.powf(f64::from(expiries)));
        AttemptTimeouts {
            picture: timeouts
                .picture
                .map(|limit| factor.map_or(limit, |factor| scale(limit, factor))),
            ..timeouts
        }
    }
}

impl<F> TimeoutSelector for F
where
    F: Fn(&Workload) -> AttemptTimeouts,
{
    fn timeouts(&self, workload: &Workload) -> AttemptTimeouts {
        self(workload)
    }
}

/// The limits of one attempt, chosen.
///
/// ```
/// use longhaul::{Resolution, Workload, timeout::{TimeoutPolicy, TimeoutSelector}};
///
/// let limits = TimeoutPolicy::default().timeouts(&Workload::of(Resolution::K4));
/// assert_eq!(limits.picture.unwrap().as_secs(), 600);
/// assert_eq!(limits.attempt, None, "the operation's deadline bounds it");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptTimeouts {
    /// From the call until the request body is first asked for.
    pub start: Duration,
    /// Between two signs of progress while the request is written.
    pub write_progress: Duration,
    /// From the flushed request until the picture begins to arrive; `None` leaves that to the operation's deadline.
    pub picture: Option<Duration>,
    /// What happens at that limit.
    pub at_limit: Option<AtLimit>,
    /// Between two pieces of the answer, once the picture has begun to arrive.
    pub silence: Duration,
    /// From the call until the last byte.
    pub attempt: Option<Duration>,
}
