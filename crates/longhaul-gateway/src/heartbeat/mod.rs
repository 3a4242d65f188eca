//! `Heartbeat`: keeps a caller's line open while its picture is made.
//!
//! Load balancers and proxies cut a line on which nothing flows: after 60 s most of them, after 100 s Cloudflare. A sign of
//! life that they count is a byte of the answer: white space in front of JSON, which every JSON reader skips, or a comment
//! in an event stream. TCP keepalive, HTTP/2 pings and `102 Processing` are none.
//!
//! **Only over an attempt that was sent.** A byte of the body means that the status has gone out, as 200. So for
//! [`after`](HeartbeatPolicy::after), 45 s by default, nothing is sent, and every refusal and every fast error keeps its
//! own status. Then:
//!
//! - Something was sent that may be charged: `200`, and a sign of life every 15 s until the answer comes. If it turns out to
//!   be an error, it comes in the body: `{"error": {…, "status": 503}}`.
//! - Everything so far was refused free of charge, or waits for its turn: the last refusal goes to the caller, with its own
//!   status and `Retry-After`, and the call ends. [`Patience::Deadline`](crate::config::Patience) as a request extension
//!   waits on instead, in silence.
//! - A request is still on its way out: the line stays silent, since nothing was sent yet.
//!
//! Answers that flow by themselves pass untouched. In an event stream that pauses, comments are put between events. An
//! answer with a length, or one that is compressed, is never touched.
//!
//! What was sent is known from the [`Progress`](crate::progress::Progress) that this layer puts into the request.
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_gateway::heartbeat::{HeartbeatLayer, HeartbeatPolicy};
//! use tower::{Layer, ServiceBuilder};
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let service = ServiceBuilder::new()
//!     .layer(HeartbeatLayer::new(HeartbeatPolicy::default()))
//!     .service(Stack::new(Policy::nano_banana_pro())?.layer(client));
//! # Ok(()) }
//! ```
//!
//! Behind a router that gives up after 30 s:
//!
//! ```
//! use std::time::Duration;
//! use longhaul_gateway::heartbeat::{HeartbeatLayer, HeartbeatPolicy};
//!
//! let layer = HeartbeatLayer::new(HeartbeatPolicy {
//!     after: Duration::from_secs(20),
//!     every: Duration::from_secs(10),
//! });
//! ```

mod body;
mod envelope;
mod future;
mod layer;
mod line;
mod service;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    body::ResponseBody, future::ResponseFuture, layer::HeartbeatLayer, line::WantsStream,
    service::Heartbeat,
};

/// When a line is kept open.
///
/// ```
/// use std::time::Duration;
/// use longhaul_gateway::heartbeat::HeartbeatPolicy;
///
/// let policy = HeartbeatPolicy::default();
/// assert_eq!((policy.after, policy.every), (Duration::from_secs(45), Duration::from_secs(15)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeartbeatPolicy {
    /// How long the line stays silent first. Default 45 s.
    pub after: Duration,
    /// From one sign of life to the next. Default 15 s.
    pub every: Duration,
}

impl Default for HeartbeatPolicy {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(45),
            every: Duration::from_secs(15),
        }
    }
}

/// A request extension: this call's line is left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Silent;
