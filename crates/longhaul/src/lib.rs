//! Composable [`tower`](tower_service) layers for HTTP calls that take minutes and cost money.
//!
//! A 4K picture takes a model 100 to 250 s, in which not a byte flows; the answer is 10 to 40 MB; and every
//! attempt costs money whether or not the picture arrives. Ordinary clients give up before it is there,
//! ordinary retry loops pay twice for one picture, and nobody writes down what was paid for and never came.
//!
//! The layers, outermost first. [`Stack`] composes them from one [`Policy`](policy::Policy); each also works
//! alone, with sane behaviour when its neighbours are absent:
//!
//! | layer | what it does |
//! |---|---|
//! | [`DetectWorkload`](detect) | reads the request once: model, resolution, images; makes the body replayable |
//! | [`Fallback`](fallback) | off until a target is named: another model, provider or route; in another dialect [by a `Rewrite`](Stack::with_rewrite) |
//! | [`ClassifyingRetry`](retry) | sends again by what an ending means; waits, duplicates, deadline |
//! | [`InFlight`](in_flight) | so many calls per host at once, in the order they came |
//! | [`BillingCompensationTracker`](billing) | one ledger entry per attempt; exposure, claims |
//! | [`Classify`](classify) | judges error, head, a bounded body, and in passing the rest |
//! | [`SizeAwareTimeout`](timeout) | start, write, head and body clocks, by resolution |
//! | [`ForceHttp1`](http1) | HTTP/1.1 with proof of it; no key over plain http in public |
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) -> Result<(), longhaul::ConfigError> {
//! let client = Stack::new(Policy::nano_banana_pro())?.layer(client);
//! # Ok(()) }
//! ```
//!
//! # Words
//!
//! An **operation** is what the caller asked for, once; an **attempt** is one try at sending it. Every attempt
//! has one [`Attempt`] handle, which layers write facts into, and exactly one [`Outcome`]: how it ended
//! ([`End`]), what that means ([`Class`]), where ([`Phase`]), after how long, and its [`Exposure`], the money
//! that may have been charged. A **duplicate** is an attempt made while an earlier one may be running and
//! charged. A **claim** is what the provider owes back.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `toml` | no | [`Policy::from_toml`](policy::Policy), `to_toml` |
//! | `tracing` | no | events for attempts, waits and refusals |
//!
//! The layers are always there, and with them serde's traits on policies, ledger entries and reports. They need a tokio
//! runtime with time enabled, and nothing else of it.

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;

pub mod attempt;
pub mod billing;
pub mod body;
pub mod classify;
mod config;
pub mod detect;
pub mod error;
pub mod fallback;
pub mod http1;
pub mod in_flight;
mod model;
pub mod observe;
pub mod policy;
pub mod retry;
mod stack;
pub mod timeout;

pub use self::{
    attempt::{Attempt, Deadline, OperationId},
    config::ConfigError,
    error::{BoxError, Error, ErrorKind, diagnosis},
    model::{
        Class, Currency, Decision, End, Exposure, KnownCut, KnownRoute, Money, OutboundProxy,
        Outcome, Phase, Quality, Resolution, RouteHistory, Workload, money, outcome, workload,
    },
    stack::{BoxedStack, Stack, StackRequestBody, StackResponseBody, StackService},
};
