//! One task at a time, from its handle to files and a closed entry. It knows nothing of upstreams, callers or the
//! gateway's state: a ledger, a folder, a policy and a key are enough.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::Empty;
use longhaul::{attempt, billing::Closing};
use longhaul_hyper::Client;
use longhaul_ledger::{DurableLedger, TaskState};
use longhaul_providers::{
    JoinedBody,
    tasks::{Collected, TaskError, TasksPolicy, collect},
};
use tower_layer::Layer;

use super::{
    CollectError, Left,
    files::{self, Written},
    judge::{FetchedAnswer, expired, judged},
};
use crate::core::{ConfigError, ForceHttp1Layer};

/// Fetches the answers of tasks that were left open into a folder, and writes into the ledger what became of each
/// task.
///
/// Cheap to clone; several may collect at the same time, also from several processes. Of two that fetch the same task
/// both write the same files, and the first closes the entry.
///
/// ```no_run
/// use std::time::Duration;
/// use longhaul_gateway::collect::{Collector, HostKeys, left_open};
/// use longhaul_ledger::DurableLedger;
/// use longhaul_providers::tasks::TasksPolicy;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let ledger = DurableLedger::open("ledger.db").await?;
/// let collector = Collector::new(ledger.clone(), "collected", Duration::from_secs(60));
/// for left in left_open(ledger.store()).await? {
///     let Some(host) = left.host() else { continue };
///     let Ok(key) = HostKeys::default().headers(&host, &left.handle().dialect) else { continue };
///     let fetched = collector.collect(&left, &TasksPolicy::default(), key).await?;
///     println!("{}: {:?}", left.name(), fetched.ending);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Collector {
    ledger: DurableLedger,
    folder: PathBuf,
    within: Duration,
}

/// What became of a task, and its answer where there is one.
///
/// [`Collector::collect`] returns it; [`Expected::tell`](super::Expected::tell) takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// What became of it.
    pub ending: Ending,
    /// The answer as it came; `None` where there is none, or not yet. It is in memory whole, beside the file that has
    /// it.
    pub answer: Option<Bytes>,
    /// What the entry of its attempt was closed with; `None` where the task is open, or the ledger does not have the attempt.
    pub closing: Option<Closing>,
}

/// What became of a task.
///
/// Whatever is not [`Open`](Self::Open) is final, and its handle is closed: nobody asks after it again.
///
/// ```
/// use longhaul_gateway::collect::Ending;
///
/// fn in_a_word(ending: &Ending) -> &'static str {
///     match ending {
///         Ending::Collected { .. } => "look into the folder",
///         Ending::Failed { .. } => "the provider's words are in the folder",
///         Ending::Expired => "claim it",
///         _ => "ask again later",
///     }
/// }
/// assert_eq!(in_a_word(&Ending::Expired), "claim it");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ending {
    /// Its answer is on the disk, and its handle is closed.
    Collected {
        /// The answer as it came.
        answer: PathBuf,
        /// The pictures in it; none where it only links to them, or has none.
        pictures: Vec<PathBuf>,
    },
    /// The provider says that it failed; its answer is on the disk, and its handle is closed.
    Failed {
        /// The status that the call would have had.
        status: StatusCode,
        /// What the provider says.
        answer: PathBuf,
    },
    /// The provider does not know it any more, and its handle is closed. Its entry says `Undelivered`: what was
    /// charged for it is a [claim](longhaul_ledger::claims).
    Expired,
    /// It has not ended yet, or the provider could not be asked within the time. Its handle stays open.
    Open,
}

impl Collector {
    /// Writes into `folder`, which is made when there is something to write. Each task is asked after until it has
    /// ended or `within` is over, and at least for the `grace` of its policy (30 s): so long, one that is not found may
    /// only be late.
    ///
    /// The folder and the files in it are this user's alone (0700, 0600). Files of an earlier round are written over.
    pub fn new(ledger: DurableLedger, folder: impl Into<PathBuf>, within: Duration) -> Self {
        Self {
            ledger,
            folder: folder.into(),
            within,
        }
    }

    /// The same, with as long as `within` for each task.
    ///
    /// The gateway gives each task as long as its policy waits for one.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Where answers go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks after one task, with these headers, the key among them. The answer is on the disk before its handle is closed, and
    /// with it the entry of its attempt: of several that collect the same task, the first closes both.
    ///
    /// A key goes over plain http to this machine and private networks alone.
    ///
    /// `headers` go with each poll to the origin of the handle's poll URL, and to no host but those that the dialect
    /// lists: the caller sees to it that the key belongs there, as [`HostKeys`](super::HostKeys) does. Dropped in the
    /// middle, nothing is closed; files that are there stay.
    ///
    /// # Errors
    ///
    /// Each [`CollectError`]; the handle stays open, and it can be asked again.
    pub async fn collect(
        &self,
        left: &Left,
        policy: &TasksPolicy,
        headers: HeaderMap,
    ) -> Result<Fetched, CollectError> {
        let handle = left.handle();
        let url = handle.poll_url.as_deref().ok_or(CollectError::NoPollUrl)?;
        let client = ForceHttp1Layer::default().layer(client(url.starts_with("http://"))?);
        let task = attempt::TaskHandle::new(
            &*handle.dialect,
            &*handle.task,
            url,
            handle.expires_at.and_then(seconds),
        );
        let collected =
            collect::<_, Empty<Bytes>, _>(&task, policy, client, headers, self.within).await?;
        let (state, ending, answered) = match collected {
            Collected::Answer {
                status,
                body,
                charged,
                ..
            } => {
                let Written { answer, pictures } = self.write(left, body.clone()).await?;
                let (state, ending) = match status.is_success() {
                    true => (TaskState::Collected, Ending::Collected { answer, pictures }),
                    false => (TaskState::Failed, Ending::Failed { status, answer }),
                };
                let answered = FetchedAnswer {
                    status,
                    body,
                    charged,
                };
                (state, ending, Some(answered))
            }
            Collected::Failed(TaskError::Lost { .. }) => {
                (TaskState::Expired, Ending::Expired, None)
            }
            Collected::Failed(error) => return Err(CollectError::Task(error)),
            // And what later versions know: the handle is there when somebody does.
            _ => {
                return Ok(Fetched {
                    ending: Ending::Open,
                    answer: None,
                    closing: None,
                });
            }
        };
        let answer = answered.as_ref().map(|answered| answered.body.clone());
        let closing = match (left.opening(), answered) {
            (None, _) => None,
            (Some(opening), None) => Some(expired(opening)),
            (Some(opening), Some(answered)) => Some(judged(opening, answered).await),
        };
        self.close(left, state, closing.clone()).await?;
        Ok(Fetched {
            ending,
            answer,
            closing,
        })
    }

    /// Handle and entry in one transaction, where there is an entry: a handle that is closed beside an open entry
    /// would be money that nobody looks at again.
    async fn close(
        &self,
        left: &Left,
        state: TaskState,
        closing: Option<Closing>,
    ) -> Result<(), CollectError> {
        let mut closed = left.handle().clone();
        closed.state = state;
        let noted = match left.opening().cloned().zip(closing) {
            Some((opening, closing)) => self.ledger.close_task(closed, opening, closing).await,
            None => self.ledger.note_task(closed).await,
        };
        noted.map_err(CollectError::Ledger)
    }

    /// On a blocking thread: pictures are decoded and synced to the disk there.
    async fn write(&self, left: &Left, answer: Bytes) -> Result<Written, CollectError> {
        let (folder, name) = (self.folder.clone(), left.name());
        let written = tokio::task::spawn_blocking(move || files::write(&folder, &name, &answer));
        let written = written
            .await
            .unwrap_or_else(|gone| Err(io::Error::other(gone)));
        written.map_err(|source| CollectError::File {
            folder: self.folder.clone(),
            source,
        })
    }
}

/// By the URL's scheme, since a client that offers TLS needs roots, and a test machine may have none.
fn client(plain: bool) -> Result<Client<JoinedBody<Empty<Bytes>>>, ConfigError> {
    match plain {
        true => Client::builder().plain_http_only().build(),
        false => Client::builder().build(),
    }
}

/// As handles have their expiry: seconds since 1970; `None` before.
fn seconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}
