//! `Detach`: a call that may be charged runs on when its caller leaves.
//!
//! A server drops a request's future when its caller hangs up, and with it the call to the provider: the picture is made,
//! charged and lost. Below this layer the call ends only when nothing that may be charged is in flight.
//!
//! **It keeps what was sent, and never begins.** When the last caller has left:
//!
//! - an attempt that was sent whole, or whose answer is coming, runs to its end, and its answer is read to the last byte;
//! - a call that still waits (for its turn, for a place, for the next attempt) ends at once;
//! - no further attempt is made and no other target is asked, unless [`Progress::run_on`] says that somebody will come
//!   back: a call with an idempotency key, or one that asked for `respond-async`.
//!
//! Who the callers are is known to [`IdempotentReplay`](crate::replay), where it stands above: then the call is polled on
//! its task. Alone, this layer runs each call on a task of its own, and its one caller leaves with the response's future or
//! body. Nothing keeps the answer then; the ledger says that it came.
//!
//! What was sent is known through the [`Observer`](longhaul::observe::Observer) that
//! [`Progress`] puts into the request: a stack with a retry layer must stand below.
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_gateway::detach::DetachLayer;
//! use tower::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let detach = DetachLayer::default();
//! let service = detach.layer(Stack::new(Policy::no_duplicate_charges())?.layer(client));
//! // … serve it; at the end, wait for those that run on:
//! let drained = async move { detach.idle().await };
//! # Ok(()) }
//! ```
//!
//! [`Progress`]: crate::progress::Progress
//! [`Progress::run_on`]: crate::progress::Progress::run_on
//!
//! A caller that leaves after 30 s, and the picture that is made all the same:
//!
//! ```
//! use std::time::Duration;
//! use http::Request;
//! use http_body_util::Full;
//! use longhaul::{Class, Stack, policy::Policy};
//! use longhaul_gateway::detach::DetachLayer;
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let provider = longhaul_sim::Provider::builder().generation(Duration::from_secs(100))
//! #     .image_weight(longhaul_sim::Weight::Tiny).build()?;
//! let (stack, detach) = (Stack::new(Policy::nano_banana_pro())?, DetachLayer::default());
//! let service = detach.layer(stack.layer(provider));
//! let picture = Request::post("https://sim.example/v1/images/generations")
//!     .header("content-type", "application/json")
//!     .body(Full::<bytes::Bytes>::from(r#"{"model": "x", "prompt": "a cat", "size": "1024x1024"}"#))?;
//!
//! let left = tokio::time::timeout(Duration::from_secs(30), service.oneshot(picture)).await;
//! assert!(left.is_err() && detach.running() == 1);
//! detach.idle().await;
//! let closing = stack.ledger().records()[0].closing.clone().expect("it has ended");
//! assert_eq!(closing.outcome.class, Class::Delivered, "and not a call that somebody dropped");
//! # Ok(()) }
//! ```

mod body;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

/// A request extension: this call ends with its callers, whatever was sent.
///
/// For calls whose answer is worth nothing to anybody but whoever waits for it now. What is charged for them is charged all the same.
///
/// ```
/// use longhaul_gateway::detach::EndsWithCaller;
///
/// let request = http::Request::post("/v1/images/generations").extension(EndsWithCaller).body(());
/// ```
///
/// It has no effect on a call with an idempotency key: there
/// [`Progress::run_on`](crate::progress::Progress::run_on) says that somebody comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EndsWithCaller;

pub use self::{body::ResponseBody, future::ResponseFuture, layer::DetachLayer, service::Detach};
