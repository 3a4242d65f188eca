use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::Empty;
use longhaul::attempt;
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
};
use crate::core::{ConfigError, ForceHttp1Layer};

/// Fetches what was left open into a folder, and writes into the ledger what became of it.
#[derive(Clone, Debug)]
pub struct Collector {
    ledger: DurableLedger,
    folder: PathBuf,
    within: Duration,
}

/// What became of a task.
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

    /// Asks after one task, with these headers, the key among them. The answer is on the disk before its handle is closed.
    ///
    /// A key goes over plain http to this machine and private networks alone.
    pub async fn collect(
        &self,
        left: &Left,
        policy: &TasksPolicy,
        headers: HeaderMap,
    ) -> Result<Ending, CollectError> {
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
        let (state, ending) = match collected {
            Collected::Answer { status, body, .. } => {
                let Written { answer, pictures } = self.write(left, body).await?;
                match status.is_success() {
                    true => (TaskState::Collected, Ending::Collected { answer, pictures }),
                    false => (TaskState::Failed, Ending::Failed { status, answer }),
                }
            }
            Collected::Failed(TaskError::Lost { .. }) => (TaskState::Expired, Ending::Expired),
            Collected::Failed(error) => return Err(CollectError::Task(error)),
            // And what later versions know: the handle is there when somebody does.
            _ => return Ok(Ending::Open),
        };
        let mut closed = handle.clone();
        closed.state = state;
        let noted = self.ledger.note_task(closed).await;
        noted.map_err(CollectError::Ledger)?;
        Ok(ending)
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
