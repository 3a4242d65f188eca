//! A gateway for HTTP calls that take minutes and cost money, for callers in any language: they change their base URL
//! and keep their client.
//!
//! An SDK that gives up after a minute and sends again pays twice for a picture that it never sees. Behind this gateway its
//! line stays open, one idempotency key is one charge, and every attempt is in a ledger.
//!
//! The program `longhaul-gateway` is made of the parts of this library, which are for other people's gateways too:
//!
//! | part | |
//! |---|---|
//! | [`heartbeat`] | a caller's line is kept open while its picture is made |
//! | [`replay`] | one key, one charge: who comes back attaches, or gets the kept answer |
//! | [`detach`] | a call that may be charged runs on when its caller leaves |
//! | [`refusal`] | errors of the layers as answers in OpenAI's and Google's words, with the right status |
//! | [`forward`] | hop-by-hop headers, the upstream's URL, keys that must not go on |
//! | [`turns`] | places of an upstream, round robin over callers |
//! | [`money`] | a spending cap for each caller, with the money of calls in flight reserved |
//! | [`progress`] | what those layers know of a call: its attempts, its callers, whether money may be out |
//! | [`telemetry`] | metrics and spans, log, and the last calls for a page |
//! | [`config`], [`caller`], [`upstream`], [`gateway`], [`server`] | what the program is made of |
//!
//! The parts speak to each other through the extensions of the request. A server of one's own may write each of them
//! itself; where nobody wrote one, its reader goes on without it:
//!
//! | type | who writes | who reads |
//! |---|---|---|
//! | [`Caller`](caller::Caller) | the gateway, by the key | `IdempotentReplay`, `CallUpstream` for its turn, telemetry |
//! | [`Account`](money::Account) | the gateway, for callers with a cap | [`CallUpstream`](upstream::CallUpstream) |
//! | [`Reservation`](money::Reservation) | `CallUpstream` | [`Gate`](money::Gate), for each attempt |
//! | [`Progress`](progress::Progress) | `Heartbeat`, `IdempotentReplay`, or `Detach` alone | these three, `Gate`, telemetry |
//! | [`Upstream`](upstream::Upstream) | the gateway, by path, host and model | `CallUpstream`; `IdempotentReplay`, by its name |
//! | [`Patience`](config::Patience), [`Silent`](heartbeat::Silent) | the gateway, by the upstream | `Heartbeat` |
//! | [`WantsStream`](heartbeat::WantsStream) | the gateway, by the body | `Heartbeat`, telemetry |
//! | [`EndsWithCaller`](detach::EndsWithCaller) | the gateway, for upstreams with `detach = false` | `Detach` |
//! | [`ExpectedCost`](replay::ExpectedCost) | the gateway, by the price rows | `IdempotentReplay`, for the operation's row |
//! | [`OperationId`](longhaul::OperationId) | `IdempotentReplay` | the layers below, and their ledger |
//! | [`Workload`](longhaul::Workload) | the gateway, by the body | price, model, and the layers below |
//! | [`Deadline`](longhaul::Deadline) | `CallUpstream`, by headers | `CallUpstream`, for the turn; the layers below |
//!
//! | feature | default | |
//! |---|---|---|
//! | `otlp` | yes | [spans and metrics](telemetry) to a collector |
//! | `cloud` | yes | [kept answers](replay::AnswerStore) in S3, Google's or Azure's buckets |
//!
//! ```no_run
//! use longhaul_gateway::{config::Config, gateway::Gateway};
//!
//! # async fn example() -> Result<(), longhaul::ConfigError> {
//! let config = Config::load("gateway.toml".as_ref())?;
//! let gateway = Gateway::new(&config).await?;
//! // Serve it with `longhaul_gateway::server`, or call it from a server of your own:
//! let request = http::Request::get("/healthz").body(axum::body::Body::empty()).unwrap();
//! let answer = gateway.answer(request).await;
//! # Ok(()) }
//! ```

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod body;
pub mod caller;
pub mod collect;
pub mod config;
mod core;
pub mod demo;
pub mod detach;
pub mod dialect;
pub mod forward;
pub mod gateway;
pub mod heartbeat;
pub mod money;
mod page;
pub mod progress;
pub mod refusal;
pub mod replay;
pub mod server;
pub mod telemetry;
pub mod turns;
mod until_written;
pub mod upstream;
mod wall_clock;
mod workload;
