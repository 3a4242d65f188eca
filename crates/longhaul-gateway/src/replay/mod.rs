//! `IdempotentReplay`: one key, one charge. Who comes back gets the answer, and nobody pays twice.
//!
//! A caller whose line was cut sends its request again; behind it stands an SDK that does so by itself. This layer makes
//! an *operation* of a request, on a task of its own, and its answer is spooled to disk. Who comes later attaches to the
//! running operation, or gets the kept answer, marked `Idempotent-Replayed: true`.
//!
//! | what comes | what happens |
//! |---|---|
//! | an `Idempotency-Key` that is new | an operation begins; it runs on when its caller leaves |
//! | the same key, the same route and body | attaches, or gets the kept answer |
//! | the same key, another route or body | 422 |
//! | a key whose operation ended free of charge | begins anew |
//! | a key whose outcome is unknown | 409; with `x-longhaul-send-again: true` it begins anew |
//! | a key whose answer is gone | 410; with `x-longhaul-send-again: true` it begins anew |
//! | the same key and `x-longhaul-send-again: true`, where the kept answer is a failure | begins anew |
//! | two keys in one request | 400 |
//! | `x-stainless-retry-count` of 1 or more | attaches to the newest operation of the same caller, route and body that runs without a caller, or ended within ten minutes |
//! | `Prefer: respond-async` | 202 with the operation's address; it runs on. With `wait=10` it is waited for so long first |
//! | anything else | an operation begins |
//!
//! The last row means that two equal prompts make two pictures; [`ReplayPolicy::coalesce`] makes them one.
//!
//! An operation is written down before anything of it is sent, and its end before its row is let go. What can break
//! between costs nobody a second payment:
//!
//! | what breaks | what callers get |
//! |---|---|
//! | the index, before the beginning is written | 503 `state_unavailable`; nothing was sent |
//! | the index, at the end | the answer; the end is written when the index is back |
//! | the process | who comes back: 409 `outcome_unknown`, or the picture, where a [task](crate::collect) is collected |
//! | the disk | the answer, from memory; who comes after those who wait: 410 |
//! | the [store](AnswerStore) | the answer, from the folder of this process; from others 503 `answer_unavailable`, later 410 |
//! | the caller's line | nothing, until it comes back: the operation runs on |
//!
//! Keys and bodies are kept as keyed digests (HMAC-SHA-256 under a secret of the index's own). A key belongs to one
//! caller: the [`Caller`](crate::caller::Caller) in the request's extensions, which whoever stands above puts there.
//!
//! It is no cache: an answer is given to the caller that paid for it and to nobody else, and only by its key, its
//! address, or as an SDK's own retry. Without a key nothing is replayed to a request that is sent on purpose.
//!
//! What an operation has cost is known from the [`Progress`](crate::progress::Progress) that this layer puts into the
//! request: a stack must stand below, usually with [`Detach`](crate::detach) between.
//!
//! ```
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_gateway::{detach::DetachLayer, replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy}};
//! use tower::{Layer, ServiceBuilder};
//!
//! # fn example<S>(client: S) -> Result<(), Box<dyn std::error::Error>> {
//! let replay = IdempotentReplayLayer::new(ReplayPolicy::new("answers"), MemoryIndex::new()?);
//! let service = ServiceBuilder::new()
//!     .layer(replay)
//!     .layer(DetachLayer::default())
//!     .service(Stack::new(Policy::nano_banana_pro())?.layer(client));
//! # Ok(()) }
//! ```
//!
//! With an index that survives the process, and is shared by a fleet where it is PostgreSQL:
//!
//! ```no_run
//! use longhaul_gateway::replay::{IdempotentReplayLayer, ReplayPolicy, SqlIndex};
//!
//! # async fn example() -> Result<(), longhaul::BoxError> {
//! let index = SqlIndex::open("gateway.db").await?;
//! let layer = IdempotentReplayLayer::new(ReplayPolicy::new("answers"), index);
//! # Ok(()) }
//! ```
//!
//! A fleet keeps its answers in an object store, so that any of them has what another one fetched:
//!
//! ```no_run
//! use longhaul_gateway::replay::{AnswerStore, IdempotentReplayLayer, ReplayPolicy, SqlIndex};
//!
//! # async fn example() -> Result<(), longhaul::BoxError> {
//! let index = SqlIndex::open("postgres://localhost/gateway").await?;
//! let store = AnswerStore::open("s3://pictures/answers")?;
//! let layer = IdempotentReplayLayer::new(ReplayPolicy::new("answers"), index).with_store(store);
//! # Ok(()) }
//! ```
//!
//! One key, asked twice: the provider is called once.
//!
//! ```
//! use http::Request;
//! use http_body_util::{BodyExt, Full};
//! use longhaul::{Stack, policy::Policy};
//! use longhaul_gateway::replay::{IdempotentReplayLayer, MemoryIndex, REPLAYED, ReplayPolicy};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), longhaul::BoxError> {
//! # let provider = longhaul_sim::Provider::builder().image_weight(longhaul_sim::Weight::Tiny).build()?;
//! # let folder = tempfile::tempdir()?;
//! let layer = IdempotentReplayLayer::new(ReplayPolicy::new(folder.path()), MemoryIndex::new()?);
//! let service = layer.layer(Stack::new(Policy::nano_banana_pro())?.layer(provider.clone()));
//! let order = || Request::post("https://sim.example/v1/images/generations")
//!     .header("content-type", "application/json")
//!     .header("idempotency-key", "order-7")
//!     .body(Full::<bytes::Bytes>::from(r#"{"model": "x", "prompt": "a cat", "size": "1024x1024"}"#));
//!
//! let first = service.clone().oneshot(order()?).await?.into_body().collect().await?.to_bytes();
//! let again = service.oneshot(order()?).await?;
//! assert_eq!(again.headers()[REPLAYED], "true");
//! assert_eq!(again.into_body().collect().await?.to_bytes(), first);
//! assert_eq!(provider.oracle().entries().len(), 1, "one charge");
//! # Ok(()) }
//! ```

mod answers;
mod asked;
mod body;
mod collect;
mod digests;
mod find;
mod id;
mod index;
mod layer;
mod lock;
mod operation;
mod policy;
mod resume;
mod run;
mod service;
mod spool;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod words;

use http::HeaderName;

pub(crate) use self::{
    asked::respond_async,
    collect::not_found as no_operation,
    index::{is_postgres, make_table, make_tables},
    resume::{LateAnswer, Resumed},
};
pub use self::{
    body::ResponseBody,
    id::PublicId,
    index::{Digest, Index, MemoryIndex, Row, SqlIndex, State},
    layer::{IdempotentReplayLayer, Replays},
    lock::StateLock,
    policy::ReplayPolicy,
    service::{IdempotentReplay, ResponseFuture},
    store::AnswerStore,
};
use crate::core::Money;

/// Says of an answer that it belongs to an earlier request.
///
/// Its value is `true`; an answer that the request itself brought has no such header. Both attached and kept answers
/// have it.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Asks to send again under a key whose outcome is unknown, at a second charge.
///
/// Only the value `true` counts, in any letters. It takes effect where the outcome is unknown, or where the kept
/// answer is a failure; a picture that is kept is handed over all the same. The header ends at the gateway.
///
/// ```
/// use longhaul_gateway::replay::SEND_AGAIN;
///
/// // A person has looked at the provider's log: the first call made no picture.
/// let request = http::Request::post("/v1/images/generations")
///     .header("idempotency-key", "order-7")
///     .header(SEND_AGAIN, "true");
/// # request.body(()).unwrap();
/// ```
pub const SEND_AGAIN: HeaderName = HeaderName::from_static("x-longhaul-send-again");

/// The most that an operation may cost, as far as it is known before it begins. A request extension.
///
/// Whoever stands above and knows the price puts it there; the gateway takes it from the price rows of the upstream.
/// It is written with the operation's beginning, so that an operation whose process dies counts against its caller's
/// cap. At the end it gives way to what the attempts really exposed. Without it, such an operation counts as nothing.
///
/// ```
/// use longhaul::Money;
/// use longhaul_gateway::replay::ExpectedCost;
///
/// let price = ExpectedCost(Money::usd_micros(240_000));
/// let request = http::Request::post("/v1/images/generations").extension(price).body(());
/// # let _ = request;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpectedCost(pub Money);
