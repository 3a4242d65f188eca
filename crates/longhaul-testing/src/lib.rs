//! What tests and benchmarks share.
//!
//! - [`MockBody`] and [`MockClient`] do as they are told: what stands below one layer in its tests.
//! - [`Harness`](harness::Harness) is the whole stack before a simulated provider, in process on paused time or on a socket.
//! - [`disagreements`] asks whether a ledger agrees with the truth, as the provider's oracle knows it.
//! - [`chain()`] and [`cause`] look through an error at what led to it.
//! - [`Nginx`], [`HaProxy`], [`TinyProxy`], [`MicroSocks`] and [`Postgres`] are real servers: found on the machine, started
//!   on a free port of loopback, and stopped when dropped. [`Hanging`] stands before one and stops passing on.
//! - [`Network`] is a network of one's own, which loses packets when it is told to.
//!
//! What each kind of test takes:
//!
//! | a test of | takes |
//! |---|---|
//! | one layer, by itself | [`MockClient`], [`MockBody`] |
//! | a whole stack, on paused time | [`Harness::in_process`](harness::Harness::in_process) |
//! | a whole stack on real sockets | [`Harness::new`](harness::Harness::new) |
//! | a proxy on the way | [`Nginx`], [`HaProxy`] before the harness' server |
//! | an outbound proxy | [`TinyProxy`], [`MicroSocks`] |
//! | a shared ledger | [`Postgres`], and [`Hanging`] before it |
//! | packets that are lost | [`Network`] |
//!
//! A real server that the machine does not have skips its test, and says so; under `CI=true` it fails, because a test
//! that is skipped there would pass for one that holds.

mod agreement;
mod chain;
mod hang;
mod haproxy;
pub mod harness;
mod mock;
mod network;
mod nginx;
mod outbound;
mod postgres;
mod program;
mod proxy;
mod user;

pub use agreement::disagreements;
pub use chain::{cause, chain};
pub use hang::Hanging;
pub use haproxy::{HaProxy, Mode};
pub use mock::{BoxError, MockBody, MockClient, Step, reset};
pub use network::Network;
pub use nginx::{Logged, Nginx};
pub use outbound::{MicroSocks, TinyProxy};
pub use postgres::Postgres;
pub use program::{Running, find, free_port};
pub use user::unprivileged;
