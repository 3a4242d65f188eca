//! What every public service and every future of it owes to its neighbours: [`every`] lists them, and `.ci/contracts`
//! fails where one is left out.

mod bodies;
mod dropped;
mod every;
mod gate;
mod late;
mod leaves;
mod readiness;
