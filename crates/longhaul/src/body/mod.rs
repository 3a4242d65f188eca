//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod hint;
mod replay;
mod watched;

pub(crate) use self::{
    hint::longer,
    replay::{ReadAhead, ReplayBudget},
};
pub use self::{
    replay::{Replay, ReplayBody},
    watched::{Watch, WatchedBody},
};
