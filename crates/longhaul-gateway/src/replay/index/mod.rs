//! Which operations there were: what must be known after a crash, and by other replicas.
//!
//! An index is small and slow to forget: one row for each operation, without prompt, picture or key. A row that has a
//! key is never removed. That is what makes "one key, one charge" hold over restarts: a key whose answer is long gone
//! still begins nothing. A row without a key goes when its answer's time is over, since nobody can ask for it any more;
//! what it cost stays, summed up by caller and day.
//!
//! [`MemoryIndex`] is for tests, [`SqlIndex`] for everything else. What an index must do beyond storing: let one of
//! two beginnings with the same key through (`begin`), and one of two processes take an operation up (`resume`). Both
//! are one statement in SQL.

mod memory;
mod schema;
mod sql;

use std::{collections::BTreeMap, fmt, time::SystemTime};

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
///
/// HMAC-SHA-256 under the index's [secret](Index::secret). An index stores the bytes and compares them; it makes
/// none. `Debug` hides them, since two that are equal tell that two requests are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// How far an operation is, as the index has it.
///
/// [`Unknown`](Self::Unknown) is why a state is kept at all: a key of such an operation begins nothing by itself, since it may be
/// paid for already.
///
/// | from | to | when |
/// |---|---|---|
/// | (new) | `Running` | it begins |
/// | `Running` | `Kept`, `Free`, `Unknown` | it ends |
/// | `Running` | `Unknown` | its process is gone |
/// | `Unknown` | `Running` | another process fetches its answer as a task |
/// | `Kept` | `Unknown` | its answer is removed, for time or room |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum State {
    /// It runs, here or in another process.
    ///
    /// Whoever comes with its key waits for its answer, in another process too.
    Running,
    /// It ended, and its answer is kept.
    ///
    /// A failure that may have been charged is kept as well, so that who comes back is told the same.
    Kept,
    /// It ended without costing anything: its key may be used anew.
    ///
    /// It also stands for an operation that could not be written down: nothing was sent then.
    Free,
    /// Nobody knows how it ended, or its answer is lost, and it may have been charged.
    ///
    /// Its key begins nothing by itself: see [`SEND_AGAIN`](super::SEND_AGAIN).
    Unknown,
}

impl State {
    /// For reading a name back. A name of a later version is an error and no state: a guess could free a key that was
    /// paid for.
    const ALL: [Self; 4] = [Self::Running, Self::Kept, Self::Free, Self::Unknown];

    /// As it stands in the database; it never changes.
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
///
/// The layer makes rows and reads them; an index stores them as they are. They have no prompt, no picture and no key.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Row {
    /// Its public name, which no two rows share.
    pub id: PublicId,
    /// Whose operation it is. Keys and retries of others do not find it.
    ///
    /// Of the caller's name where it has a key of the gateway's, else of the credential that it presented.
    pub scope: Scope,
    /// The name of its owner.
    ///
    /// What its cap is counted by; empty without a [`Caller`](crate::caller::Caller) in the request.
    pub caller: String,
    /// The digest of the caller's idempotency key; `None` where it sent none.
    ///
    /// `None` after [`release_key`](Index::release_key) too: the key then belongs to a later operation, or to none.
    pub key: Option<Digest>,
    /// The digest of its route and body.
    pub request: Digest,
    /// How far it is.
    pub state: State,
    /// When it began, in milliseconds since 1970.
    ///
    /// By the clock of the process that began it.
    pub began: i64,
    /// When it ended, in milliseconds since 1970; `None` while it runs.
    ///
    /// An answer is kept from here on.
    pub ended: Option<i64>,
    /// What its ending means.
    ///
    /// [`Class::name`](longhaul::Class::name) of its last attempt. As text, since a database may have names of a
    /// later version.
    pub class: Option<String>,
    /// The answer's status; `None` where there was no answer.
    ///
    /// A row of unknown outcome that has a status of success had an answer that was removed, or that broke off.
    pub status: Option<StatusCode>,
    /// The answer's headers, as they are given again.
    ///
    /// Without those that belong to one connection, and without cookies.
    pub headers: HeaderMap,
    /// Bytes of its body.
    ///
    /// What the quota counts, and what a kept file or object must still have.
    pub length: u64,
    /// What was charged for certain, or is at least; in the currency of `possible`.
    ///
    /// In millionths: 240,000 are 0.24 of the currency.
    pub certain: i64,
    /// The most that it may have cost, or may still.
    ///
    /// `None` where no price is known: such an operation counts against no cap.
    pub possible: Option<Money>,
}

impl Row {
    /// As one that ends now in this state, with nothing else known of its end.
    pub(super) fn ended_as(&self, state: State) -> Self {
        Self {
            state,
            ended: Some(millis(crate::wall_clock::now())),
            ..self.clone()
        }
    }

    /// `possible` is what is expected: it stays where the process dies.
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
///
/// The two that are here are what a gateway needs. One of your own wraps another, to count or to let it fail in a
/// test: rows and digests cannot be made of bytes outside this crate. Errors are logged, and told to callers as 503
/// without their text.
///
/// Nothing here may block: each future is awaited on the runtime, most of them while a caller waits. None may answer
/// from a cache that another process cannot see, where the index is shared.
///
/// ```
/// use longhaul_gateway::replay::{Index, MemoryIndex, SqlIndex, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul::BoxError> {
/// # let folder = tempfile::tempdir()?;
/// # let rows = SqlIndex::open(&folder.path().join("rows.db").display().to_string()).await?;
/// # let row = rows.row_for_tests(7);
/// let index = MemoryIndex::new()?;
/// assert_eq!(index.begin(row.clone()).await?, None, "it is written down");
/// let second = index.begin(row.clone()).await?;
/// assert_eq!(second.map(|known| known.state), Some(State::Running), "its key has an operation already");
///
/// let mut end = row.clone();
/// (end.state, end.ended) = (State::Kept, Some(row.began + 100_000));
/// index.end(end).await?;
/// assert_eq!(index.get(row.id).await?.map(|known| known.state), Some(State::Kept));
/// # Ok(()) }
/// ```
pub trait Index: fmt::Debug + Send + Sync + 'static {
    /// Says that this process lives, where others share the index, and gives up what processes that are gone left
    /// running. Returns how many operations it gave up.
    ///
    /// Called several times within a lease, by [`Replays::keep_alive`](super::Replays::keep_alive). Of two processes
    /// that give up the same operation, one counts it.
    fn renew(&self) -> BoxFuture<'_, Result<u64, BoxError>>;
    /// The secret that digests are made with: the same for all who share the index.
    ///
    /// 32 random bytes that are made with the index and never change: with others, no key and no request is
    /// recognised any more.
    fn secret(&self) -> [u8; 32];
    /// Writes down that an operation begins; nothing is sent before. Returns the operation that has the same key
    /// already, and then writes nothing.
    ///
    /// Atomic over all who share the index, and durable when it returns. A row without a key is always written.
    ///
    /// # Errors
    ///
    /// Where it is not known that the row is durable. It may be: the caller ends it as [`Free`](State::Free)
    /// afterwards.
    fn begin(&self, row: Row) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// Writes down how an operation ended.
    ///
    /// It may be called twice with the same row, after an error whose write was made. It leaves the key as it is: one
    /// that was released in between stays released. Also how a kept answer becomes [`Unknown`](State::Unknown) when
    /// it is removed.
    ///
    /// A row whose beginning was not written is written as ended, without its key: a beginning that is still on its way
    /// to the database, from a caller that has left, then fails.
    fn end(&self, row: Row) -> BoxFuture<'_, Result<(), BoxError>>;
    /// Takes up an operation whose outcome is unknown: it runs in this process now. `None` where there is no such.
    ///
    /// Atomic: of two processes that ask, one gets it.
    fn resume(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// Takes the key from an operation, so that another operation can have it.
    ///
    /// The operation itself stays, with what it cost. Releasing what has no key changes nothing.
    fn release_key(&self, id: PublicId) -> BoxFuture<'_, Result<(), BoxError>>;
    /// The operation of this name.
    ///
    /// Whoever owns it: the layer compares the scope.
    fn get(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The operation of this caller with this key.
    ///
    /// At most one has it: `begin` sees to that.
    fn by_key(&self, scope: Scope, key: Digest) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The newest of this caller with this route and body that ended since, or runs in another process.
    ///
    /// For an SDK's retry. What runs in this process is left out: the layer has that in memory, with its callers. What
    /// ended [free](State::Free) is left out too: it has no answer, and must not stand before one that has.
    fn by_request(
        &self,
        scope: Scope,
        request: Digest,
        since: SystemTime,
    ) -> BoxFuture<'_, Result<Option<Row>, BoxError>>;
    /// The oldest operations whose answers are kept, those that ended before first.
    ///
    /// At most so many, the oldest first; fewer mean that there are no more.
    fn oldest_kept(
        &self,
        before: SystemTime,
        at_most: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, BoxError>>;
    /// Forgets operations that nobody can ask for: those without a key that ended before, and whose answers are not kept.
    ///
    /// At most so many; returned is how many there were. What they cost goes on counting as [spent](Self::spent). An
    /// index that forgets nothing, as by default, only grows.
    fn forget(&self, before: SystemTime, at_most: u32) -> BoxFuture<'_, Result<u64, BoxError>> {
        let _ = (before, at_most);
        Box::pin(std::future::ready(Ok(0)))
    }
    /// Bytes of all answers that are kept.
    ///
    /// Of all who share the index.
    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, BoxError>>;
    /// What a caller's operations that began since then cost: for certain, and what may have been.
    ///
    /// In millionths of `currency`; `None` for `since` means ever. Operations that run count with what they may cost,
    /// and those in another currency do not. The second amount contains the first. What was [forgotten](Self::forget)
    /// is known by days (UTC), as caps count: the day in which `since` falls counts only where `since` is its beginning.
    fn spent<'a>(
        &'a self,
        caller: &'a str,
        currency: Currency,
        since: Option<SystemTime>,
    ) -> BoxFuture<'a, Result<(i64, i64), BoxError>>;
}

/// What forgotten operations cost, for certain and at most, by caller, currency and the day (UTC) in which they began.
///
/// In an order of its own, so that two processes that add to it do not wait for each other in a circle.
#[derive(Default)]
struct Forgotten(BTreeMap<(String, String, i64), (i64, i64)>);

impl Forgotten {
    /// In milliseconds.
    const DAY: i64 = 24 * 3_600_000;

    fn add(&mut self, caller: String, currency: String, began: i64, cost: (i64, i64)) {
        let day = began - began.rem_euclid(Self::DAY);
        let sum = self.0.entry((caller, currency, day)).or_default();
        *sum = (sum.0.saturating_add(cost.0), sum.1.saturating_add(cost.1));
    }
}

/// Headers as JSON: an array of pairs.
///
/// A value that is no UTF-8 is written with replacement characters: a header that no JSON can hold is not worth the
/// answer.
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

/// What cannot be read is left out; an answer without a header is better than none.
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
