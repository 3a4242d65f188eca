//! What tests and benchmarks share.
//!
//! A body and a client that do as they are told. A [`harness`](harness::Harness): a provider on a socket, and the stack before it. Real servers: found on the machine, started on a free port of loopback, and stopped again when dropped; networks of
//! one's own that lose packets. And the question whether a ledger agrees with the truth, as the simulated provider's
//! oracle knows it.

mod agreement;
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
pub use hang::Hanging;
pub use haproxy::{HaProxy, Mode};
pub use mock::{BoxError, MockBody, MockClient, Reply, Step};
pub use network::Network;
pub use nginx::{Logged, Nginx};
pub use outbound::{MicroSocks, TinyProxy};
pub use postgres::Postgres;
pub use program::{Running, find, free_port};
pub use user::unprivileged;
