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

/// Fetches what was left open into a folder, and writes into the ledger what became of it.
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
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// What became of it.
    pub ending: Ending,
    /// The answer as it came.
    pub answer: Option<Bytes>,
    /// What the entry of its attempt was closed with; `None` where the task is open, or the ledger does not have the attempt.
    pub closing: Option<Closing>,
}

/// What became of a task.
///
/// Whatever is not [`Open`](Self::Open) is final, and its handle is closed: nobody asks after it again.
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
    /// The provider does not know it any more, and its handle is closed: a claim.
    Expired,
    /// It has not ended yet, or the provider could not be asked. Its handle stays open.
    Open,
}

impl Collector {
    /// Into `folder`, which is made when there is something to write. Each task is asked after for as long as `within`; once
    /// where that is zero.
    pub fn new(ledger: DurableLedger, folder: impl Into<PathBuf>, within: Duration) -> Self {
        Self {
            ledger,
            folder: folder.into(),
            within,
        }
    }

    /// The same, with as long as `within` for each task.
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

fn client(plain: bool) -> Result<Client<JoinedBody<Empty<Bytes>>>, ConfigError> {
    match plain {
        true => Client::builder().plain_http_only().build(),
        false => Client::builder().build(),
    }
}

fn seconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}
