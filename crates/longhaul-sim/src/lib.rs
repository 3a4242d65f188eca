//! A simulated provider of generated pictures, with an oracle that knows what was really charged.
//!
//! Calls that take minutes and cost money are hard to test: a real provider is slow, dear, and fails when it likes. This
//! one speaks OpenAI's images API and Responses, Gemini's native API, Replicate's and fal's, takes as long as the real ones
//! do, answers with real PNG files of the right size and weight, and fails as it is told: see [`Fault`] for all that can
//! go wrong. Where the APIs know tasks that are submitted and polled, or event streams, it speaks those too. Afterwards its
//! [`Oracle`] tells, for every request, what was received, made, charged and delivered.
//!
//! [`Provider`] is a [`tower_service::Service`], so a client stack can run against it in process and on paused time,
//! where four minutes take no time at all:
//!
//! ```
//! use http_body_util::BodyExt;
//! use longhaul_sim::{Provider, Script, Weight};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = Provider::builder()
//!     .script("overloaded, none+takes@240".parse()?)
//!     .image_weight(Weight::Tiny)
//!     .build()?;
//! let ask = || {
//!     http::Request::post("/v1/images/generations")
//!         .header("idempotency-key", "cat-1")
//!         .body(r#"{ "prompt": "a cat", "size": "4096x4096" }"#.to_owned())
//! };
//!
//! let refused = provider.clone().oneshot(ask()?).await?;
//! assert_eq!(refused.status(), 503);
//! let answer = provider.clone().oneshot(ask()?).await?;
//! let answer = answer.into_body().collect().await?.to_bytes();
//! assert!(answer.starts_with(b"{") && answer.ends_with(b"}"));
//!
//! let oracle = provider.oracle();
//! oracle.settled().await;
//! let [first, second] = &oracle.find("cat-1", None)[..] else { panic!() };
//! assert_eq!((first.charged_micros, first.delivered), (0, false));
//! assert_eq!((second.charged_micros, second.delivered), (240_000, true));
//! # Ok(()) }
//! ```
//!
#![cfg_attr(
    feature = "server",
    doc = "The same provider stands behind a real socket with [`server::Server`]."
)]
//!
//! What it charged it also tells as providers do, in a [log](log::Log) that may lack rows and have a clock of its own.
//!
//! # A request may ask for its own fate
//!
//! | request header | example | |
//! |---|---|---|
//! | `x-sim-fault` | `cut@60` | this fault, instead of the script's next |
//! | `x-sim-generation` | `120` | how many seconds the work takes |
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `server` | yes | the socket server: HTTP/1.1 and HTTP/2, plain and TLS |
//! | `cli` | no | the program `longhaul-sim` |

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod clock;
mod dialect;
mod error;
mod line;
pub mod log;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "it is made for the tests of all crates"
)]
#[path = "../../longhaul-testing/src/mock/mod.rs"]
mod mock;
mod oracle;
pub mod picture;
mod provider;
mod resolution;
mod script;
#[cfg(feature = "server")]
pub mod server;

/// How the relay that the simulator plays takes tasks: a row for the dialects of `longhaul_providers::tasks::TasksPolicy`, in
/// TOML. Its name is `relay`.
///
/// The relay takes tasks at `/v1/async/images/generations` and is polled at the same path with the task's id behind it:
///
/// ```
/// assert!(longhaul_sim::RELAY_DIALECT.contains("name = \"relay\""));
/// ```
pub const RELAY_DIALECT: &str = include_str!("relay.toml");

pub use self::{
    body::Body,
    dialect::{Dialect, Work},
    error::{SimError, SimErrorKind},
    oracle::{Entry, Oracle, Received, TaskEntry, Totals},
    picture::Weight,
    provider::{Builder, ConfigError, Offer, Provider, ResponseFuture},
    resolution::Resolution,
    script::{Action, Fault, ParseError, Script, Seen, TaskFailure, WaitForm},
};
