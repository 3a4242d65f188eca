//! What a reverse proxy changes in a request and in its answer: the target, and what is about one connection alone.
//!
//! [`Rebase`] moves a request to an upstream, [`strip_hop_by_hop`] removes the headers that belong to one connection
//! (RFC 9110, section 7.6.1), [`answer`] makes an upstream's head fit for the caller. None of them looks at a body.

mod hop;
mod keys;
mod rebase;

pub use self::{
    hop::{answer, strip_hop_by_hop},
    keys::{presented_key, strip_keys},
    rebase::{Rebase, RebaseError},
};
