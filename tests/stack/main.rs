//! The composed stack against the simulated provider, in process and on paused time.

mod alone;
mod bad_input;
mod below;
mod bench;
mod contracts;
mod crowd;
mod document;
mod drops;
mod faults;
mod gate;
mod incident;
mod ledgers;
mod pairs;
