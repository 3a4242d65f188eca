//! What both layers need to make one call into others: bodies that are put together, requests that are read and
//! changed, answers that are read to their end, and a memory of what a host does not offer.

mod call;
mod joined;
mod memory;
mod origin;
mod read;
mod request;

pub use self::joined::JoinedBody;
pub(crate) use self::{
    call::{Call, asked_again},
    memory::{Account, Memory},
    origin::{Origin, encoded},
    read::{Read, read},
    request::{Said, Scalar, Whole, is_json},
};
