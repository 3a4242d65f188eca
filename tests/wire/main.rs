//! The whole stack on real loopback sockets, against the simulated provider in scaled time.
//!
//! What is asserted is what the provider's oracle saw, what its connections did, or the bytes that a listener
//! of our own recorded. No test asserts a speed.

mod body_limit;
mod clients;
mod drops;
mod leaves;
mod malformed;
mod many;
mod pool;
mod raw;
mod reopens;
mod reqwest;
mod seen;
mod whole;
