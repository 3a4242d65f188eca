//! `InFlight`: so many calls to a host at once, and no more.
//!
//! Every call holds one of its host's places until the answer's body has ended, failed or been dropped:
//! the last megabyte counts as much as the first. A call that finds all places taken waits for one, first
//! come, first served, for up to [`InFlightPolicy::queue_timeout`], 10 s by default. It waits in its future and not
//! in `poll_ready`, so that one slow host does not hold up calls to others. When the wait runs out, the error is
//! [`QueueTimeout`](crate::ErrorKind::QueueTimeout): nothing was begun, nothing was sent, nothing can be charged.
//! Below a retry layer the wait goes on in the same place of the queue, until the [`Deadline`](crate::Deadline) that the
//! caller or the policy set, if one did: the [default deadline](crate::retry::RetryPolicy::deadline) is for attempts, and
//! stands still in the queue. A call for which no route or no time is left leaves the queue.
//!
//! Against `tower`'s `ConcurrencyLimit`: that one counts calls of one service, whichever host they go to,
//! gives the place back at the head although most of a picture is still to come, and waits without an end.
//!
//! What begins when, exactly:
//!
//! - A place is asked for in `call`, and a call that has to wait takes its turn at its first poll. A future
//!   that has a place and is never polled keeps it from others until it is dropped.
//! - The clock of the wait starts in `call`. A place that is free when the clock fires is taken.
//! - The [`Attempt`](crate::Attempt) in the request's extensions starts its own clock anew when a place is
//!   found after waiting. An [`Observer`](crate::observe::Observer) there hears of the beginning of the wait.
//! - The place goes back at the head already, if the attempt has its outcome by then: the layer below has
//!   read a rejected answer whole, and a retry that keeps that answer must not wait for its own place.
//!
//! **A place belongs to an operation**, not to each of its attempts. An attempt that the retry layer makes beside a late
//! one goes out at once and shares the late one's place, which is free again when the last of them has ended: ten
//! calls that a dead path keeps silent do not hold up what was made in their stead. So up to
//! [`max_per_host`](InFlightPolicy::max_per_host) operations, not attempts, are with a host at a time; the report
//! says who shared ([`Decision::SharedPlace`](crate::Decision::SharedPlace)). All others wait their turn: an attempt
//! after one that has ended, since that one gave its place to the next in the queue, and the first at another target of
//! [`Fallback`](crate::fallback), which is asked when all attempts before it have ended, at the same host too.
//!
//! A host is scheme, host and port. Clones of a service, and all services made by one layer, share their
//! places. Requests without a host share one set.
//!
//! ```
//! use longhaul::in_flight::InFlightLayer;
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) {
//! let client = InFlightLayer::default().layer(client);
//! # }
//! ```
//!
//! Customised: two at once for a small account, and more patience.
//!
//! ```
//! use std::time::Duration;
//! use longhaul::in_flight::{InFlightLayer, InFlightPolicy};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let mut policy = InFlightPolicy::default();
//! policy.max_per_host = 2;
//! policy.queue_timeout = Duration::from_secs(60);
//! let layer = InFlightLayer::new(policy)?;
//! # Ok(()) }
//! ```

mod body;
mod future;
mod layer;
mod policy;
mod queue;
mod semaphores;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    body::ResponseBody, future::ResponseFuture, layer::InFlightLayer, policy::InFlightPolicy,
    service::InFlight,
};
