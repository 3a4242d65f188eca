//! What only providers do: long calls as tasks and as streams, and requests in the words of another model, for [`longhaul`]'s
//! stack.
//!
//! The surest cure for a connection that is cut while a model works is not to have one. Where a provider lets a picture
//! be ordered and collected, [`SubmitAndPoll`](tasks) makes of one unary call a submit of a few seconds and short polls;
//! where it keeps a stream alive, [`StreamUpgrade`](stream) asks for that and puts the unary answer together again.
//! Either way the caller sends the request that it always sent, and gets the answer that it always got.
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let tasks = SubmitAndPollLayer::new(TasksPolicy::default().at("relay.example.com", "sub2api"))?;
//! let stack = Stack::new(Policy::nano_banana_pro())?.with_exchange(tasks);
//! # Ok(()) }
//! # example().unwrap();
//! ```
//!
//! Both are layers for the place between the clocks of an attempt and the client. Each knows the providers as rows of a
//! table; neither does anything at a host that its policy does not name.
//!
//! Where another model or provider is asked instead, by [`Fallback`](longhaul::fallback), [`ProviderRewrite`](rewrite) makes the
//! request that it understands.

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod exchange;
mod json;
pub mod rewrite;
pub mod stream;
pub mod tasks;

pub use self::{
    exchange::JoinedBody,
    json::{JsonPath, JsonPathError},
};
