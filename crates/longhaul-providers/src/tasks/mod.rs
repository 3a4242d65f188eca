//! `SubmitAndPoll`: a long call as a task that is submitted and collected.
//!
//! The caller sends one unary request and gets one unary answer. In between the layer submits it in the form in which the
//! API takes tasks, and asks after the task until it has ended: no connection is ever silent, and the time in which
//! nobody knows whether the provider took the request shrinks from minutes to the seconds of the submit.
//!
//! | what happens | what the layer does |
//! |---|---|
//! | the submit breaks | hands the error on, unless the API lists tasks and the one that was ordered is among them: nothing is sent again, unless the API takes one key once |
//! | the submit is answered with the picture | hands it on |
//! | the submit is refused because the API knows no tasks there | sends the unary call, and remembers it for an hour |
//! | a poll fails (network, 429, 5xx, a page, a redirect) | polls again: it says nothing of the task |
//! | a poll finds no task, or no result | polls again within the grace (30 s), then [`TaskError::Lost`], `Undelivered` |
//! | a poll is refused the key | [`TaskError::Unauthorized`]; the handle stays open |
//! | the task failed | answers with the status and JSON that the unary call would have had |
//! | the task is done | answers with the unary answer, whatever is in it |
//! | the answer is longer than [is held](TasksPolicy::longest_answer) | hands it on as it comes; where the unary answer is to be made from it, [`TaskError::TooLong`], and the handle stays open |
//! | an undocumented state | polls again, and [reports](TaskReport::unknown_states) it |
//! | the deadline | an error of the kind `Timeout`; the handle stays open |
//! | the caller leaves | the handle stays open; a task that is queued is taken back where [the policy](TasksPolicy::cancel_queued) and the dialect say so |
//!
//! A handle that is open is polled by the next call with the same idempotency key, in place of a second submit.
//! [`collect()`] does the same for a handle that was written down, by whoever comes next.
//!
//! A key goes to the origin of the submit, and to the hosts that the row of the API lists; never to a host that an answer
//! alone names. Pictures behind links are left as links.
//!
//! ```
//! use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let client = SubmitAndPollLayer::new(TasksPolicy::default())?.layer(client);
//! # Ok(()) }
//! ```
//!
//! Customised: a relay with a form of its own.
//!
//! ```
//! use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let policy = TasksPolicy::from_toml(r#"
//!     [hosts]
//!     "relay.example.com" = ["relay"]
//!
//!     [[dialects]]
//!     name = "relay"
//!     source = "the relay's own page"
//!     call = { path = "/v1/images/generations", never_with = ["stream"] }
//!     submit = { path = "{prefix}/v1/async/images/generations" }
//!     result = { from = "field", at = "result", pictures = ["data[].b64_json", "data[].url"] }
//!     failure = { error = "error", code = ["error.code"] }
//!
//!     [dialects.task]
//!     id = "id"
//!     poll = "{submit}/{id}"
//!     state = "status"
//!     running = ["pending", "processing"]
//!     succeeded = ["completed"]
//!     failed = ["failed"]
//!     wait = "3s"
//!     kept = "1h"
//! "#)?;
//! let layer = SubmitAndPollLayer::new(policy)?;
//! # Ok(()) }
//! # example().unwrap();
//! ```
//!
//! The whole exchange, against a simulated provider and on paused time. A proxy on the way cuts whatever is silent for
//! 60 s, which no poll is:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use http_body_util::{BodyExt, Full};
//! use longhaul_providers::tasks::{SubmitAndPollLayer, TaskReport, TasksPolicy};
//! use longhaul_sim::{Provider, Weight};
//! use tower::{Layer, ServiceExt};
//!
//! let provider = Provider::builder()
//!     .script("cut@60+takes@240".parse()?)
//!     .image_weight(Weight::Tiny)
//!     .build()?;
//! let policy = TasksPolicy::default().at("sim.test", "openai-responses");
//! let client = SubmitAndPollLayer::new(policy)?.layer(provider.clone());
//!
//! let body = r#"{ "model": "gpt-5.1", "input": "a cat", "tools": [{ "type": "image_generation" }] }"#;
//! let answer = client.oneshot(http::Request::post("http://sim.test/v1/responses").body(Full::from(body))?).await?;
//! let report = answer.extensions().get::<TaskReport>().unwrap().clone();
//! assert!(report.polls > 10 && report.failed_polls == 0);
//! let document: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
//! assert!(document["output"][0]["result"].is_string());
//! # Ok(()) }
//! ```
//!
//! It is not for calls that take seconds: a submit and one poll cost two round trips, and the first poll of a 1K
//! picture waits 11 s.

pub(crate) mod answer;
pub(crate) mod codes;
mod collect;
mod dialect;
mod error;
mod exchange;
mod finish;
mod first_wait;
mod follow;
mod handle;
mod layer;
mod leave;
mod open;
mod plan;
mod policy;
mod poll;
mod rate;
mod recover;
mod report;
mod service;
mod span;
pub(crate) mod submit;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod told;
mod validate;
mod visit;
mod wait;

pub use longhaul::attempt::TaskHandle;

pub use crate::exchange::ResponseFuture;

pub use self::{
    collect::{Collected, collect},
    dialect::Dialect,
    error::TaskError,
    first_wait::FirstWait,
    layer::SubmitAndPollLayer,
    policy::TasksPolicy,
    report::TaskReport,
    service::SubmitAndPoll,
};
