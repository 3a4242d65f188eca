//! Which operations there were: what must be known after a crash, and by other replicas.

mod memory;
mod schema;
mod sql;

use std::{fmt, time::SystemTime};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

pub(crate) use self::schema::{is_postgres, make_table, make_tables};
pub use self::{memory::MemoryIndex, sql::SqlIndex};
use super::PublicId;
use crate::{
    caller::Scope,
    core::{BoxError, Currency, Money},
    wall_clock::millis,
};

/// A keyed digest: of an idempotency key, or of a route and a body. Neither can be read back from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Where an operation is.
///
/// [`Unknown`](Self::Unknown) is why a state is kept at all: a key of such an operation begins nothing by itself, since it may be
/// paid for already.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum State {
    /// It runs, here or in another process.
    ///
    /// Whoever comes with its key waits for its answer, in another process too.
    Running,
    /// It ended, and its answer is kept.
    Kept,
    /// It ended without costing anything: its key may be used anew.
    Free,
    /// Nobody knows how it ended, or its answer is lost, and it may have been charged.
    ///
    /// Its key begins nothing by itself: see [`SEND_AGAIN`](super::SEND_AGAIN).
    Unknown,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Kept, Self::Free, Self::Unknown];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Kept => "kept",
            Self::Free => "free",
            Self::Unknown => "unknown",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What is written down of an operation.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Row {
    /// Its public name.
    pub id: PublicId,
    /// Whose it is: nobody else finds it.
    pub scope: Scope,
    /// What its owner is called.
    pub caller: String,
    /// Of the caller's idempotency key, if there was one.
    pub key: Option<Digest>,
    /// Of its route and body.
    pub request: Digest,
    /// Where it is.
    pub state: State,
    /// When it began, in milliseconds since 1970.
    pub began: i64,
    /// When it ended, in milliseconds since 1970; `None` while it runs.
    pub ended: Option<i64>,
    /// What its ending means.
    pub class: Option<String>,
    /// The answer's status; `None` where there was no answer.
    pub status: Option<StatusCode>,
    /// The answer's headers, as they are given again.
    pub headers: HeaderMap,
    /// Bytes of its body.
    pub length: u64,
    /// What was charged for certain, or is at least; in the currency of `possible`.
    pub certain: i64,
    /// The most that it may have cost, or may still.
    pub possible: Option<Money>,
}

impl Row {
    pub(super) fn begun(
        id: PublicId,
        scope: Scope,
        caller: String,
        key: Option<Digest>,
        request: Digest,
        possible: Option<Money>,
    ) -> Self {
        Self {
            id,
            scope,
            caller,
            key,
            request,
            state: State::Running,
            began: millis(crate::wall_clock::now()),
            ended: None,
            class: None,
            status: None,
            headers: HeaderMap::new(),
            length: 0,
            certain: 0,
            possible,
        }
    }
}

/// Remembers operations. What it confirms survives the process, where it is a database.
pub trait Index: fmt::Debug + Send + Sync + 'static {
    /// Says that this process lives, where others share the index, and gives up what those left running that do not: how
    /// many operations that are. To be called every few seconds.
    fn renew(&self) -> BoxFuture<'_, Result<u64, BoxError>>;
    /// The secret that digests are made with: the same for all who share the index.
    fn secret(&self) -> [u8; 32];
    /// Writes down that an operation begins; nothing is sent before. Returned is the operation that has the same key
    /// already, and then nothing is written.
    fn begin(&self, row: Row) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// Writes down how it ended.
    fn end(&self, row: Row) -> BoxFuture<'_, Result<(), BoxError>>;
    /// Takes up an operation whose outcome is unknown: it runs in this process now. `None` where there is no such.
    fn resume(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// Takes its key from an operation, so that it may be used anew.
    fn release_key(&self, id: PublicId) -> BoxFuture<'_, Result<(), BoxError>>;
    /// The operation of this name.
    fn get(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The operation of this caller with this key.
    fn by_key(&self, scope: Scope, key: Digest) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The newest of this caller with this route and body that ended since, or runs in another process.
    fn by_request(
        &self,
        scope: Scope,
        request: Digest,
        since: SystemTime,
    ) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The oldest operations whose answers are kept, those that ended before first.
    fn oldest_kept(
        &self,
        before: SystemTime,
        at_most: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, BoxError>>;
    /// Bytes of all answers that are kept.
    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, BoxError>>;
    /// What a caller's operations that began since then cost: for certain, and what may have been.
    fn spent<'a>(
        &'a self,
        caller: &'a str,
        currency: Currency,
        since: Option<SystemTime>,
    ) -> BoxFuture<'a, Result<(i64, i64), BoxError>>;
}

/// Headers as JSON: an array of pairs.
fn write_headers(headers: &HeaderMap) -> String {
    let pairs: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn read_headers(text: &str) -> HeaderMap {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).unwrap_or_default();
    pairs
        .into_iter()
        .filter_map(|(name, value)| {
            Some((
                HeaderName::try_from(name).ok()?,
                HeaderValue::try_from(value).ok()?,
            ))
        })
        .collect()
}
