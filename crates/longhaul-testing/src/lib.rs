//! What tests and benchmarks share.
//!
//! Real servers: found on the machine, started on a free port of loopback, and stopped again when dropped. And the
//! question whether a ledger agrees with the truth, as the simulated provider's oracle knows it.

mod agreement;
mod program;

pub use agreement::disagreements;
pub use program::{Running, find, free_port};
