//! What a reverse proxy changes in a request and in its answer: the target, and what is about one connection alone.
//!
//! [`Rebase`] moves a request to an upstream, [`strip_hop_by_hop`] removes the headers that belong to one connection
//! (RFC 9110, section 7.6.1), [`answer`] makes an upstream's head fit for the caller. None of them looks at a body.
//!
//! The target comes from the configuration alone. Whatever host, absolute URL or `..` a caller writes cannot choose another
//! one: that would make an open proxy of the gateway, with the provider's key on it.
//!
//! ```
//! use longhaul_gateway::forward::{Rebase, RebaseError};
//!
//! # fn main() -> Result<(), RebaseError> {
//! // For callers whose base URL ends in `/images`.
//! let upstream = Rebase::new("https://api.example.com/openai", "/images")?;
//! let uri = upstream.uri("/images/v1/models", Some("limit=1"))?;
//! assert_eq!(uri, "https://api.example.com/openai/v1/models?limit=1");
//! assert_eq!(upstream.uri("/v1/../admin", None), Err(RebaseError::DotSegment));
//! # Ok(()) }
//! ```

mod copy;
mod hop;
mod keys;
mod rebase;

pub(crate) use self::copy::copy_out;
pub use self::{
    hop::{answer, strip_hop_by_hop},
    keys::{presented_key, strip_keys},
    rebase::{Rebase, RebaseError},
};
