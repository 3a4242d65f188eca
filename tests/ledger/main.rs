//! The durable ledger under the whole stack, with processes that die and databases that go away: afterwards it
//! agrees with the provider, attempt by attempt.

mod drops;
mod fleet;
mod full;
mod kill;
mod outage;
mod scene;
mod secrets;
