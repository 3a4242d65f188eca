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
//!
//! What a caller sees of a picture that takes 100 s:
//!
//! ```
//! use std::time::Duration;
//! use http::Request;
//! use http_body_util::{BodyExt, Full};
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_gateway::heartbeat::HeartbeatLayer;
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let provider = longhaul_sim::Provider::builder().generation(Duration::from_secs(100))
//! #     .image_weight(longhaul_sim::Weight::Tiny).build()?;
//! let service = HeartbeatLayer::default().layer(Stack::new(Policy::nano_banana_pro())?.layer(provider));
//! let picture = Request::post("https://sim.example/v1/images/generations")
//!     .header("content-type", "application/json")
//!     .body(Full::<bytes::Bytes>::from(r#"{"model": "x", "prompt": "a cat", "size": "4096x4096"}"#))?;
//! let begun = tokio::time::Instant::now();
//! let answer = service.oneshot(picture).await?;
//! assert_eq!((answer.status().as_u16(), begun.elapsed().as_secs()), (200, 45), "the head goes out with the first blank");
//! let body = answer.into_body().collect().await?.to_bytes();
//! assert!(body.starts_with(b"    {"), "blanks at 45, 60, 75 and 90 s, which JSON readers skip");
//! # Ok(()) }
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
///
/// Both must be more than zero. The [configuration](crate::config::HeartbeatConfig) refuses zero; here nothing does,
/// and `every` of zero would be a flood of blanks. Where the numbers are from is said there.
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
///
/// For callers that would rather wait in silence: one that asked for `respond-async` gets a ticket, which a blank in
/// front would turn into a 200.
///
/// ```
/// use longhaul_gateway::heartbeat::Silent;
///
/// let request = http::Request::post("/v1/images/generations").extension(Silent).body(());
/// # let _ = request;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Silent;
