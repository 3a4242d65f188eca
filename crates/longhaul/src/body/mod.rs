//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod hint;
mod observed;
mod peeked;
mod replay;

pub(crate) use self::{hint::longer, peeked::PeekedBytes, replay::ReadAhead};
pub use self::{
    observed::{BodyObserver, ObservedBody},
    replay::{Replay, ReplayBody, ReplayBudget},
};
