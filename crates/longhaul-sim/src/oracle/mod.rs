//! The oracle: what the provider knows for certain.
//!
//! It has two sides. Tests ask [`Oracle`], at any time and from any task. The provider writes through [`Exchange`] (one
//! request, closed by its `Drop`) and [`Record`] (one entry, for what outlives the request). Nothing is ever taken
//! back, so an entry that has a fact keeps it.

mod entry;
mod record;
mod redact;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use self::entry::{Entry, Received, TaskEntry, Totals};
pub(crate) use self::record::{Busy, Exchange, Record};
use crate::clock::Clock;

/// Tells what the provider received, made, charged and delivered. A cheap handle; all clones tell the same.
///
/// Every request of which at least the head was read has exactly one [`Entry`]. Refused connections have none, and
/// neither have downloads of pictures by their link and polls of tasks, which are counted with the request that made the
/// picture.
///
/// A test asks it after [`settled`](Self::settled), since work that nobody waits for runs on, and is charged:
///
/// ```
/// use std::time::Duration;
///
/// use longhaul_sim::Provider;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::default();
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// // A client that gives up after 10 s …
/// let answer = tokio::time::timeout(Duration::from_secs(10), provider.clone().oneshot(request)).await;
/// assert!(answer.is_err());
///
/// // … pays for a picture that it does not get.
/// let oracle = provider.oracle();
/// oracle.settled().await;
/// assert_eq!(oracle.totals().charged_undelivered, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Oracle {
    shared: Arc<Shared>,
}

/// What all handles have in common.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    state: Mutex<State>,
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of arrival; an entry's index is its name among the records.
    entries: Vec<Entry>,
    /// Refused connections, which have no entry.
    refused: u64,
    /// Works that run, requests that are handled and answers that are on their way.
    busy: usize,
}

impl Oracle {
    /// Of a provider that has seen nothing yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                state: Mutex::default(),
                idle: Notify::new(),
            }),
        }
    }

    /// All entries in the order of arrival.
    ///
    /// A copy: what happens afterwards is not in it.
    ///
    /// ```
    /// use longhaul_sim::Provider;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// assert!(Provider::default().oracle().entries().is_empty());
    /// # }
    /// ```
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    /// The entries under this idempotency key, with this attempt number if one is given.
    ///
    /// ```
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
    /// let request = http::Request::post("/v1/images/generations")
    ///     .header("idempotency-key", "cat-1")
    ///     .header("x-longhaul-attempt", "2");
    /// provider.clone().oneshot(request.body(r#"{ "prompt": "a cat" }"#.to_owned())?).await?;
    /// assert_eq!(provider.oracle().find("cat-1", Some(2)).len(), 1);
    /// assert!(provider.oracle().find("cat-1", Some(1)).is_empty());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn find(&self, key: &str, attempt: Option<u32>) -> Vec<Entry> {
        let matches = |entry: &&Entry| {
            entry.key.as_deref() == Some(key) && (attempt.is_none() || entry.attempt == attempt)
        };
        self.state()
            .entries
            .iter()
            .filter(matches)
            .cloned()
            .collect()
    }

    /// Everything added up.
    ///
    /// Ask after [`settled`](Self::settled): what still runs is counted, and not charged yet.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.state();
        let start = Totals {
            refused: state.refused,
            ..Totals::default()
        };
        state.entries.iter().fold(start, Totals::add)
    }

    /// Waits until no work runs, no request is being handled and no answer with pictures is on its way.
    ///
    /// From then on nothing that was received, made, charged or delivered changes, but by new requests. An answer that
    /// the client holds without reading it, and a call that is kept waiting in silence, is on its way for as long as
    /// the client does not drop it. Refusals are not waited for, read or not.
    ///
    /// It may be called again and again, and waited for with a limit where a test wants to see that something hangs:
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// let answer = provider.clone().oneshot(request).await?;
    /// let oracle = provider.oracle();
    /// let minute = Duration::from_secs(60);
    /// assert!(tokio::time::timeout(minute, oracle.settled()).await.is_err(), "nobody reads the answer");
    /// drop(answer);
    /// oracle.settled().await;
    /// # Ok(()) }
    /// ```
    pub async fn settled(&self) {
        loop {
            let mut idle = std::pin::pin!(self.shared.idle.notified());
            idle.as_mut().enable();
            if self.state().busy == 0 {
                return;
            }
            idle.await;
        }
    }

    /// A connection was refused, which is all that is known of it.
    pub(crate) fn count_refusal(&self) {
        self.state().refused += 1;
    }

    /// Marks the provider as busy until the mark is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy::new(self.clone())
    }

    /// Opens an entry. Its time of arrival is set here.
    pub(crate) fn open(&self, mut entry: Entry) -> Exchange {
        entry.started = self.shared.clock.now();
        let index = {
            let mut state = self.state();
            state.entries.push(entry);
            state.entries.len() - 1
        };
        Exchange::new(Record::new(self.clone(), index))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
