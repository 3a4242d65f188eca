//! nginx and HAProxy, real ones, between the stack and the provider: what they do to calls that take long, and
//! whether our ledger still agrees with the provider. And tinyproxy and microsocks, which a client on this side has to
//! go out through.
//!
//! Each test starts its own on loopback. Where they are not installed it says so and is skipped; under `CI=true` it
//! fails.

mod buffering;
mod cuts;
mod limits;
mod mixed;
mod outbound;
mod reuse;
mod way;
