//! Real servers for tests and benchmarks: found on the machine, started on a free port of loopback, and stopped again
//! when dropped; and networks of one's own that lose packets.

mod haproxy;
mod network;
mod nginx;
mod postgres;
mod program;
mod proxy;

pub use haproxy::{HaProxy, Mode};
pub use network::Network;
pub use nginx::{Logged, Nginx};
pub use postgres::Postgres;
pub use program::{Running, find, free_port};
