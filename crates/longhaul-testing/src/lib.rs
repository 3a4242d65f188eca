//! Real servers for tests and benchmarks: found on the machine, started on a free port of loopback, and stopped again
//! when dropped.

mod program;

pub use program::{Running, find, free_port};
