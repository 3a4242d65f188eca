//! `StreamUpgrade`: a long call as an event stream that keeps its line open.
//!
//! The caller sends one unary request and gets one unary answer. In between the layer asks for a stream, reads its events
//! as they come, and puts the unary answer together from the last of them. Partial images, keepalives and second copies of
//! a picture are dropped as they pass; of each picture one copy is held.
//!
//! | what happens | what the layer does |
//! |---|---|
//! | the stream is refused | sends the unary call, and remembers it for an hour |
//! | the stream is refused without partial images | asks once more, for one of them |
//! | the answer is JSON | hands it on, and remembers that the host does not stream |
//! | an error event | answers with the status and JSON that the unary call would have had |
//! | the final event | answers, and reads no further |
//! | the stream ends or breaks before it | an error: the model worked, and the picture did not arrive |
//! | silence after a ping was seen | [reported](StreamReport::longest_silence); the attempt is late, not dead |
//!
//! It helps where the peer sends something while the model works: OpenAI's Responses API does, every 30 s; its Images API
//! does not, but relays that ping do. See [`StreamPolicy::hosts`].
//!
//! ```
//! use longhaul_providers::stream::{StreamPolicy, StreamUpgradeLayer};
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let client = StreamUpgradeLayer::new(StreamPolicy::default())?.layer(client);
//! # Ok(()) }
//! ```
//!
//! Customised: a relay that pings its streams of the images API.
//!
//! ```
//! use longhaul_providers::stream::{StreamPolicy, StreamUpgradeLayer};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let policy = StreamPolicy::from_toml(r#"
//!     [hosts]
//!     "api.openai.com" = { api = "responses" }
//!     "relay.example.com" = { api = "images", partial_images = 0 }
//! "#)?;
//! let layer = StreamUpgradeLayer::new(policy)?;
//! # Ok(()) }
//! # example().unwrap();
//! ```

mod assemble;
mod error;
mod events;
mod exchange;
mod layer;
mod plan;
mod policy;
mod reading;
mod report;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    error::StreamError,
    layer::StreamUpgradeLayer,
    policy::{Api, StreamPolicy, StreamRow},
    report::StreamReport,
    service::StreamUpgrade,
};
