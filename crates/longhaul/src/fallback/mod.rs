//! `Fallback`: another model, provider or route when the first is overloaded, out of quota or cut.
//!
//! The targets are data; one stack below serves them all. For each, the request is made anew: its place and key here, and what
//! more it needs (model, size in the target's own words, path) by a [`Rewrite`]. Then it goes down as any other: with its own
//! [`Workload`](crate::Workload), its own [`Provider`](crate::billing::Provider) and so its own price, its
//! own idempotency key, its own attempts in the ledger; but it stays one operation, and all targets share
//! one [`Deadline`](crate::Deadline). It stands above the retry layer: a target has used up its attempts
//! before the next is asked.
//!
//! It is off until a policy names a target. Then, for each operation:
//!
//! - The one that the request is addressed to is asked first, and the request passes as it came.
//! - After an ending that is among the [triggers](FallbackPolicy::triggers), the next target is asked that
//!   can make the picture. One that cannot, or that cannot be told what the request says, is passed over.
//! - Never while an attempt may still be running and charged, unless the policy
//!   [allows a duplicate](FallbackPolicy::allow_duplicate) after that.
//! - Such a duplicate counts as one that the retry layer makes: against the money that
//!   [`max_duplicate_cost`](crate::retry::RetryPolicy::max_duplicate_cost) and
//!   [`MoneyBudget`](crate::retry::MoneyBudget) grant, and towards the
//!   [`paid_attempts`](crate::retry::RetryPolicy::paid_attempts). The money is never overdrawn: such a target is
//!   refused before anything is sent ([`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate)). The number
//!   stops the retry layer alone: naming the class allowed the duplicate.
//! - Only at the last target that can be asked are free refusals waited through until the deadline. At one before it the
//!   retry layer stops after two, or at once where the server asks for more than 15 s, and the next is asked.
//! - The caller's key goes to no other target ([`KeySource`]).
//! - A target that was overloaded three times is left alone for a minute, or as long as it asks
//!   ([`BreakerPolicy`]), for this model and resolution; then one call finds out whether it has recovered.
//!   Where none is left, the first is asked all the same.
//!
//! The response says who made the picture ([`AnsweredBy`]), in the dialect that they speak; the
//! [`FallbackReport`], in the response's extensions or in the [error](crate::Error::fallback), says who else
//! was asked or passed over, and why.
//!
//! A request body must be held to be written anew: [`DetectWorkload`](crate::detect::DetectWorkload) does
//! that up to a cap, and [`Full<Bytes>`](http_body_util::Full) is held by itself ([`Replay::content`](crate::body::Replay::content)). What is
//! written counts towards the
//! [limit of the whole client](crate::detect::DetectPolicy::client_replay_limit); where there is no room for
//! it, its target is passed over.
//!
//! ```
//! use longhaul::fallback::{FallbackLayer, FallbackPolicy, KeySource, Target};
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let mut relay = Target::new("relay", "https://relay.example");
//! relay.key = KeySource::Env("RELAY_KEY".to_owned());
//! let client = FallbackLayer::new(FallbackPolicy::to([relay]))?.layer(client);
//! # Ok(()) }
//! ```
//!
//! Customised: the same model around a proxy that cuts long calls, although the call that was cut most likely goes on and
//! is charged; then a relay that makes no 4K pictures.
//!
//! ```
//! use longhaul::{Class, Resolution};
//! use longhaul::fallback::{FallbackLayer, FallbackPolicy, KeySource, Resolutions, Target};
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let mut direct = Target::new("direct", "https://api.relay.example:16888");
//! direct.key = KeySource::Same(vec!["cdn.relay.example".to_owned()]);
//! direct.triggers = Some(vec![Class::IntermediaryCut]);
//!
//! let mut small = Target::new("small", "https://small.example");
//! small.key = KeySource::secret("from the vault");
//! small.resolutions = Resolutions::between(Resolution::K1, Resolution::K2);
//!
//! let mut policy = FallbackPolicy::to([direct, small]);
//! policy.allow_duplicate = vec![Class::IntermediaryCut];
//! policy.breaker.overloads = 5;
//! let layer = FallbackLayer::new(policy)?;
//! # Ok(()) }
//! ```
//!
//! In a policy file, a model of another house. What its requests need is more than another place, so that a stack of this
//! policy is built [with a `Rewrite`](crate::Stack::with_rewrite):
//! `Stack::with_rewrite(policy, longhaul_providers::rewrite::ProviderRewrite)`.
//!
//! ```
//! # #[cfg(feature = "toml")]
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let policy = longhaul::policy::Policy::from_toml(r#"
//!     [[fallback.targets]]
//!     name = "seedream-4.5"
//!     url = "https://ark.ap-southeast.bytepluses.com/api/v3/images/generations"
//!     dialect = "openai-images"
//!     model = "seedream-4-5-251128"
//!     key = { env = "ARK_API_KEY" }
//!     sizes = { keywords = { ratio = "prompt" } }
//!     resolutions = { min = "K2", max = "K4", raise = true }
//!     max_ratio = 16
//!     max_images = 1
//!     max_references = 14
//!     remove = ["n", "quality"]
//!     set = { watermark = false, response_format = "b64_json" }
//!
//!     [[billing.prices]]
//!     provider = "ark.ap-southeast.bytepluses.com"
//!     model = "seedream-4-5*"
//!     price = "0.04 USD"
//! "#)?;
//! # Ok(()) }
//! # #[cfg(feature = "toml")]
//! # example().unwrap();
//! ```

mod body;
mod breaker;
mod ending;
mod future;
mod key;
mod layer;
mod operation;
mod origin;
mod policy;
mod report;
mod rewrite;
mod route;
mod service;
mod shared;
mod sizes;
mod target;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    key::{KeySource, Secret},
    layer::FallbackLayer,
    policy::{BreakerPolicy, FallbackPolicy},
    report::{AnsweredBy, FallbackReport, FallbackStoppedBy, SkipReason, TargetAttempt},
    rewrite::{KeyPlace, PassthroughRewrite, Rewrite},
    service::Fallback,
    sizes::{Keywords, Pixels, RatioPlacement, Sizes},
    target::{Dialect, FieldValue, Resolutions, Target},
};
