//! Commands that need more than a line.
//!
//! Each is a file with its options and one `run`; `main.rs` has only what starts the gateway itself. An error is
//! printed as one line, and ends the program with 1.

pub(crate) mod collect;
pub(crate) mod page;
