//! What both layers need to make one call into others: bodies that are put together, requests that are read and
//! changed, answers that are read to their end, and a memory of what a host does not offer.
//!
//! | file | what it does | what depends on it |
//! |---|---|---|
//! | `client` | one call, passed on or exchanged | both services |
//! | `call` | the requests of an exchange, with and without the attempt's handle | the ledger's “one generation, one entry” |
//! | `request`, `top_level` | reads a request and puts fields in front of its others | no byte of the caller's is changed |
//! | `read` | an answer in one piece, within a limit | every buffer has a bound |
//! | `joined` | bodies that are put together without a copy | 40 MB answers |
//! | `origin` | where a key may go | no key leaves for a host that an answer alone names |
//! | `memory` | refusals, for a while, by account | one question for each host and key, not for each call |
//!
//! Nothing here knows a dialect: what is specific to an API stands in rows of data, in `tasks` and `stream`.

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
