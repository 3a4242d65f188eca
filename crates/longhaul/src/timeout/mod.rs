//! `SizeAwareTimeout`: how long to wait, by what was asked for.
//!
//! A 4K picture takes 100 to 250 s in which not a byte flows; a client that waits 60 s loses it and pays
//! for it. This layer keeps one clock for each phase of an attempt, chosen by the
//! [`Workload`](crate::Workload) in the request's extensions:
//!
//! | clock | runs | default |
//! |---|---|---|
//! | start | from the call until the request body is first asked for | 20 s |
//! | write progress | between two slices, while the request is written | 30 s |
//! | picture | from the flushed request until the picture begins to arrive | 300 s for K1 and K2, 600 s for K4 and Unknown |
//! | silence | between two pieces of the answer, once the picture has begun | 120 s |
//! | attempt | from the call until the last byte | none |
//! | operation | until the [`Deadline`](crate::Deadline) in the extensions | none |
//!
//! A head, whitespace, the comments of a stream and its status events are no picture: relays send them while the model
//! works. [`Classify`](crate::classify::Classify), where it stands above, notes on the handle when the picture begins;
//! alone, this layer takes the first byte that is neither blank nor comment.
//!
//! What happens at the limit of the picture is [`AtLimit`]'s: the attempt ends where this layer stands alone, and becomes
//! *late* in a [`Stack`](crate::Stack), where it goes on to the operation's deadline.
//!
//! The clock by size starts when the request is flushed, so that the upload of reference images does not eat
//! the time of the generation: proved by a client that [links](crate::Attempt::link) its connection, else
//! taken as the hand-over of the last slice of the body. Work is polled before the clock; when a clock
//! fires more than 2 ms late the runtime was stalled, and the clock is set on by 50 ms, once, so that an
//! answer that is already in the socket is not thrown away. No status is ever made up: an expiry is an
//! [`Error`](crate::Error) that says which clock, its limit, and the time that really passed.
//!
//! That limit may also grow with the number of reference images, with each image beyond the first, and
//! with high quality: plain terms of [`TimeoutPolicy`], all of them zero by default.
//!
//! Without a `Workload` it takes the longest row. [`TimeoutPolicy::for_request`] replaces the limits of one
//! request.
//!
//! ```
//! use longhaul::timeout::SizeAwareTimeoutLayer;
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) {
//! let client = SizeAwareTimeoutLayer::default().layer(client);
//! # }
//! ```
//!
//! Customised: longer for large pictures, a known network, and a cap on the whole attempt.
//!
//! ```
//! use std::time::Duration;
//! use longhaul::timeout::{TimeoutPolicy, Network, SizeAwareTimeoutLayer};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let mut limits = TimeoutPolicy::default();
//! limits.picture.k4 = Duration::from_secs(900);
//! limits.picture.unknown = Duration::from_secs(900);
//! limits.network = Some(Network::CrossBorder);
//! limits.attempt = Some(Duration::from_secs(1_200));
//! let layer = SizeAwareTimeoutLayer::new(limits)?;
//! # Ok(()) }
//! ```

mod alarm;
mod beginning;
mod clocks;
mod future;
mod layer;
mod policy;
mod request_body;
mod response_body;
mod selector;
mod server_timeout;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    layer::SizeAwareTimeoutLayer,
    policy::{AtLimit, Network, NetworkTimeouts, RequestTimeouts, TimeoutPolicy},
    request_body::RequestBody,
    response_body::ResponseBody,
    selector::{AttemptTimeouts, TimeoutSelector},
    service::SizeAwareTimeout,
};
