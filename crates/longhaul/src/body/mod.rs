//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod hint;
mod json;
mod length;
mod memory;
mod observed;
mod peeked;
mod replay;

pub(crate) use self::{
    hint::longer,
    json::{JsonScanner, JsonToken},
    length::announce_length,
    memory::MemoryReservation,
    observed::{BodyObserver, ObservedBody},
    peeked::PeekedBytes,
    replay::ReadAhead,
};
pub use self::{
    memory::MemoryBudget,
    replay::{Replay, ReplayBody},
};
