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
//! | `x-stainless-retry-count` of 1 or more | attaches to the newest operation of the same caller, route and body that ended, or lost its caller, within ten minutes |
//! | `Prefer: respond-async` | 202 with the operation's address; it runs on. With `wait=10` it is waited for so long first |
//! | anything else | an operation begins |
//!
//! The last row means that two equal prompts make two pictures; [`ReplayPolicy::coalesce`] makes them one.
//!
//! Keys and bodies are kept as keyed digests (HMAC-SHA-256 under a secret of the index's own). A key belongs to one
//! caller: the [`Caller`](crate::caller::Caller) in the request's extensions, which whoever stands above puts there.
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
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Asks to send again under a key whose outcome is unknown, at a second charge.
pub const SEND_AGAIN: HeaderName = HeaderName::from_static("x-longhaul-send-again");

/// The most that an operation may cost, as far as it is known before it begins. A request extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpectedCost(pub Money);
