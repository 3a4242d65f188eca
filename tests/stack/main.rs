//! The composed stack against the simulated provider, in process and on paused time; and the contracts that every
//! service keeps.

mod alone;
mod bad_input;
mod below;
mod calls;
mod contracts;
mod crowd;
mod document;
mod drops;
mod face;
mod faults;
mod incident;
mod ledgers;
mod pairs;
