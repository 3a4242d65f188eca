//! Bodies: the request body that can be sent again, the response body that is watched as it passes.
//!
//! A request that may have to be sent twice must be there twice, and 30 MB of reference images cannot be copied for each
//! attempt. So a body is read up to a cap before anything is sent, and its clones share the bytes ([`ReplayBody`]); one that
//! is longer goes out once, as it comes. What all calls together hold is counted ([`MemoryBudget`]).
//!
//! Where no [`DetectWorkload`](crate::detect) stands above, a body can be sent again if its type can: see [`Replay`].
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{Empty, Full};
//! use longhaul::body::Replay;
//!
//! // Their clones are references to the same bytes.
//! assert!(Full::<Bytes>::from("a cat").try_clone().is_some());
//! assert!(Empty::<Bytes>::new().try_clone().is_some());
//! ```
//!
//! Bytes are shared: a layer that keeps a body keeps references to what came. Only what came in several pieces is put
//! together, where it must be seen or sent as a whole. What a layer wants to know of a response body it reads in passing,
//! piece by piece.

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
    json::behind_mark,
    memory::MemoryBudget,
    replay::{Replay, ReplayBody},
};
