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
//! | [`SizeAwareTimeout`](timeout) | start, write, picture and silence clocks, by resolution |
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
//! # What stands in the extensions
//!
//! Layers speak to each other through the extensions of request, response and error. A type can also be put there by a
//! caller, or read by a layer of yours. Where nobody wrote one, its reader goes on without it.
//!
//! On the request:
//!
//! | type | who writes | who reads |
//! |---|---|---|
//! | [`Workload`] | a caller who knows better; else `DetectWorkload`, and `Fallback` for each target | every layer but `InFlight` and `ForceHttp1` |
//! | [`OperationId`] | a caller who has a name for what it asks | `ClassifyingRetry`; without it, each operation gets a new one |
//! | [`Attempt`] | `ClassifyingRetry`, for each attempt; without it, the outermost of the other layers | every layer below, and a client that proves what it wrote |
//! | [`Deadline`] | a caller; `longhaul-gateway` from a header | `ClassifyingRetry`, `InFlight`, `SizeAwareTimeout`, and the layers of an exchange |
//! | [`Provider`](billing::Provider) | a caller; `Fallback`, for its targets | ledger entries and prices: `BillingCompensationTracker`, `ClassifyingRetry`, `Fallback` |
//! | [`Observer`](observe::Observer) | a caller, for one operation; `ClassifyingRetry` with the stack's own | `Fallback`, `ClassifyingRetry`, `InFlight` |
//! | [`RequestTimeouts`](timeout::RequestTimeouts) | a caller, for one request | `SizeAwareTimeout`, and `ClassifyingRetry` for its deadline |
//! | [`OutboundProxy`] | a client's caller who has several ways out | the history of routes: `ClassifyingRetry`, `Classify` |
//! | [`Sensitive`](http1::Sensitive) | a caller | `ForceHttp1` |
//!
//! On the response, and on the [`Error`] where it says so:
//!
//! | type | who writes | who reads |
//! |---|---|---|
//! | [`Attempt`] | every layer that has it; of an error, [`Error::attempt`] | callers; `Fallback` |
//! | [`Classification`](classify::Classification) | `Classify`, unless the answer is delivered | `ClassifyingRetry`, `Fallback`; callers |
//! | [`RetryReport`](retry::RetryReport), on errors too | `ClassifyingRetry` | callers, of an error by [`Error::report`]; `Fallback` |
//! | [`AnsweredBy`](fallback::AnsweredBy) | `Fallback` | callers |
//! | [`FallbackReport`](fallback::FallbackReport), on errors too | `Fallback` | callers, also by [`Error::fallback`] |
//! | [`Http1Report`](http1::Http1Report) | `ForceHttp1`, where the attempt does not have it | callers, by [`Http1Report::of`](http1::Http1Report::of) |
//! | [`Decision`], on errors alone | whoever did not begin an attempt | `ClassifyingRetry`; callers |
//!
//! The crates around this one add `TaskReport` and `StreamReport` on the response (`longhaul-providers`), and on the request,
//! for the layers of a server, `Caller`, `Patience`, `Silent`, `WantsStream`, `EndsWithCaller`, `ExpectedCost` and `Progress`
//! (`longhaul-gateway`).
//!
//! # What a layer does without its neighbours
//!
//! | without | the others |
//! |---|---|
//! | `DetectWorkload` | **wait 600 s whatever was asked for**, since the size is unknown; hold no answer, and take none for one without a picture; find only price rows for any model (`"*"`); count no chances; send a body again only if its type can be ([`Replay`](body::Replay)) |
//! | `ClassifyingRetry` | make one attempt; end it at its limit instead of letting it be late; know no deadline but the caller's; send no idempotency key of their own |
//! | `InFlight` | let everything through at once |
//! | `BillingCompensationTracker` | write nothing down, and know no amounts: the [`RetryReport`](retry::RetryReport) still counts attempts and duplicates. Bounds in money go by [`with_prices`](retry::ClassifyingRetryLayer::with_prices) |
//! | `Classify` | go by the error and by the status: an overload is not told from an outage by its words, a success that came whole counts as delivered, and one that breaks off cannot be asked for again |
//! | `SizeAwareTimeout` | keep no clock but the operation's deadline, which `ClassifyingRetry` races alone. Without both, a dead connection is waited for without an end |
//! | `ForceHttp1` | send what the client would, HTTP/2 and keys over plain http included |
//! | a client that proves what it wrote (`longhaul-hyper`) | take a request as sent once its last slice was handed over, so that more endings are [`UnknownOutcome`](Class::UnknownOutcome) |
//!
//! What two layers share is shared by [`Stack`] alone. Who composes layers by hand passes it on: prices for the retry layer
//! (`with_prices`), the history of routes for it and `Classify` (`with_history`), memory for request bodies
//! ([`with_replay_budget`](fallback::FallbackLayer::with_replay_budget)); and names the operation's deadline where limits
//! differ from the guide's ([`RetryPolicy::deadline`](retry::RetryPolicy::deadline)).
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `metrics` | no | [`observe::metered`]: attempts, their durations and every decision, counted by reason |
//! | `toml` | no | [`Policy::from_toml`](policy::Policy), `to_toml` |
//! | `tracing` | no | a span for each attempt, events for waits and refusals |
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
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is made for the tests of all crates"
)]
#[path = "../../longhaul-testing/src/mock/mod.rs"]
mod mock;
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
        Outcome, PerResolution, Phase, Quality, Resolution, RouteHistory, Workload,
    },
    stack::{BoxedStack, Stack, StackRequestBody, StackResponseBody, StackService},
};
