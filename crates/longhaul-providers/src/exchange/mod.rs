//! What both layers need to make one call into others: bodies that are put together, requests that are read and
//! changed, answers that are read to their end, and a memory of what a host does not offer.

mod call;
mod client;
mod future;
mod joined;
mod memory;
mod origin;
mod read;
mod request;
mod top_level;

pub(crate) use self::{
    call::{Call, asked_again},
    client::{Bytewise, Client, begin},
    memory::{Account, Memory},
    origin::{Origin, authority, encoded, is_authority, is_host},
    read::{Read, read},
    request::{Scalar, TopFields, Whole, is_json},
};
pub use self::{future::ResponseFuture, joined::JoinedBody};
