//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod hint;
mod peeked;
mod replay;
mod watched;

pub(crate) use self::{hint::longer, peeked::PeekedBytes, replay::ReadAhead};
pub use self::{
    replay::{Replay, ReplayBody, ReplayBudget},
    watched::{Watch, WatchedBody},
};
