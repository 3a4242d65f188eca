//! Real servers for tests and benchmarks: found on the machine, started on a free port of loopback, and stopped again
//! when dropped.

mod postgres;
mod program;

pub use postgres::Postgres;
pub use program::{Running, find, free_port};
