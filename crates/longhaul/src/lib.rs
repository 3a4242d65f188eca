//! Composable [`tower`](tower_service) layers for HTTP calls that take minutes and cost money.

pub mod attempt;
pub mod billing;
pub mod body;
pub mod classify;
mod config_error;
pub mod detect;
pub mod diagnosis;
#[cfg(feature = "serde")]
mod duration;
pub mod error;
#[cfg(feature = "serde")]
mod header_name;
pub mod http1;
pub mod in_flight;
pub mod money;
pub mod observe;
pub mod outcome;
pub mod policy;
pub mod retry;
mod stack;
mod table;
pub mod timeout;
mod wall_clock;
pub mod workload;

pub use self::{
    attempt::{Attempt, Deadline, OperationId},
    classify::Class,
    config_error::ConfigError,
    error::{BoxError, Error, ErrorKind},
    money::{Currency, Money},
    outcome::{End, Exposure, Outcome, Phase},
    stack::{Stack, StackService},
    workload::{Resolution, Workload},
};
