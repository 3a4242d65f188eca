//! The composed stack against the simulated provider, in process and on paused time.

mod bench;
mod crowd;
mod document;
mod drops;
mod faults;
mod ledgers;
