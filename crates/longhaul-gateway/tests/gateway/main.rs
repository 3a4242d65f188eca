//! The gateway over real sockets, against the simulated provider.

mod coming_back;
mod errors;
mod forwarding;
mod program;
mod support;
