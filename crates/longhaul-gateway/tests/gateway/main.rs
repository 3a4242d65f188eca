//! The gateway over real sockets, against the simulated provider.

mod clients;
mod coming_back;
mod errors;
mod exchange;
mod fleet;
mod forwarding;
mod holding;
mod limits;
mod program;
mod strangers;
mod support;
