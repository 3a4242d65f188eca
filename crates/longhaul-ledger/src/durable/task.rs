//! What the ledger knows of tasks that a provider took on: their handles, their states, and submits without an answer.
//!
//! A task outlives the call that began it: the provider works on and charges, whether anybody collects or not. So two
//! things are noted. A submit is noted before it leaves, because its answer may be lost on the way; and the handle is
//! noted before the first poll, because the process may die while it polls. Between the two there is a window in which
//! only the provider knows the task: [`LostSubmit`] is what is left of it here.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::Serialize;

use super::batch::Closed;
use crate::{
    error::LedgerError,
    period,
    store::{EntryId, Store, WITH_SUBMITS, WITH_TASKS, day_micros, time_of_day},
};

/// A generation that was submitted to a provider and is collected by polling: all that a later process needs to collect
/// it.
///
/// It is [noted](super::DurableLedger::note_task) before the first poll, so that no crash loses what was paid for.
///
/// Who has read a handle and collects the task says so with [`note_task`](super::DurableLedger::note_task) or
/// [`close_task`](super::DurableLedger::close_task); this crate itself asks no provider. The key under which a provider
/// is asked is in no ledger: whoever collects must have it.
///
/// ```no_run
/// use longhaul_ledger::{DurableLedger, EntryId, TaskHandle};
///
/// # async fn example(ledger: DurableLedger, entry: EntryId) -> Result<(), longhaul_ledger::LedgerError> {
/// ledger.note_task(TaskHandle::new(entry, "fal", "764cabcf-b745-4b3e-ae38-1200304cf45b")).await?;
/// // … after a crash, by whoever comes next:
/// for task in ledger.store().open_tasks().await? {
///     println!("ask {} after {}", task.dialect, task.task);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The entry of the attempt that submitted it.
    pub entry: EntryId,
    /// How the provider is asked: the name of its dialect, at most 64 bytes.
    ///
    /// `longhaul-providers` gives dialects their names. One that is not known there cannot be collected by
    /// `longhaul-gateway collect`.
    pub dialect: Arc<str>,
    /// The provider's own name for the task, at most 512 bytes.
    pub task: Arc<str>,
    /// The URL that is polled, where the task's name is not enough; at most 2,048 bytes, and without a key.
    pub poll_url: Option<Arc<str>>,
    /// When it was submitted, to the microsecond.
    pub submitted_at: SystemTime,
    /// When the provider forgets it, where that is known.
    ///
    /// A task that is not collected by then is lost though it was charged. The ledger does not change the state by
    /// itself when the time has come.
    pub expires_at: Option<SystemTime>,
    /// Where it stands.
    pub state: TaskState,
}

/// Where a task stands.
///
/// ```
/// use longhaul_ledger::TaskState;
///
/// assert_eq!(TaskState::Open.name(), "Open");
/// assert_eq!(TaskState::ALL.len(), 5);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[non_exhaustive]
pub enum TaskState {
    /// It runs, or its answer waits to be collected.
    ///
    /// The only state from which a task changes.
    Open,
    /// Its answer was collected.
    ///
    /// With a picture or without: the entry's closing tells.
    Collected,
    /// The provider says that it failed.
    ///
    /// Whether that was charged is told by the entry's class, and by the provider's log.
    Failed,
    /// The provider does not know it any more.
    ///
    /// It was most likely charged.
    Expired,
    /// Nobody asks for it any more.
    Abandoned,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Collected,
        Self::Failed,
        Self::Expired,
        Self::Abandoned,
    ];

    /// The word in the ledger.
    ///
    /// It stands in files that exist, and never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Collected => "Collected",
            Self::Failed => "Failed",
            Self::Expired => "Expired",
            Self::Abandoned => "Abandoned",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TaskHandle {
    /// A task that the attempt of `entry` submits now.
    ///
    /// Its lengths are checked when it is noted, and not here.
    ///
    /// ```
    /// # fn example(entry: longhaul_ledger::EntryId) {
    /// use longhaul_ledger::{TaskHandle, TaskState};
    ///
    /// let mut handle = TaskHandle::new(entry, "fal", "764cabcf-b745-4b3e-ae38-1200304cf45b");
    /// handle.poll_url = Some("https://queue.example.com/requests/764cabcf/status".into());
    /// assert_eq!((handle.state, handle.expires_at), (TaskState::Open, None));
    /// # }
    /// # example("0198c5a2-7d3e-7c41-9f0a-3b1d5e6f7a80".parse().unwrap());
    /// ```
    pub fn new(entry: EntryId, dialect: impl Into<Arc<str>>, task: impl Into<Arc<str>>) -> Self {
        Self {
            entry,
            dialect: dialect.into(),
            task: task.into(),
            poll_url: None,
            submitted_at: time_of_day(day_micros(period::now())),
            expires_at: None,
            state: TaskState::Open,
        }
    }

    /// Refuses what has no place in the ledger, naming the field.
    ///
    /// An entry's own text is cut and never refused, since money is at stake with it. A handle is refused: one that is
    /// cut would ask for another task. A user and a password in the URL are refused because keys stay out of the
    /// ledger.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        let bounded = |name, text: &str, most: usize| match text.len() {
            0 => Err(LedgerError::setting(name, "must not be empty")),
            length if length > most => Err(LedgerError::setting(
                name,
                format!("has {length} bytes; {most} is the most"),
            )),
            _ if text.contains('\0') => Err(LedgerError::setting(name, "must hold no NUL")),
            _ => Ok(()),
        };
        bounded("dialect", &self.dialect, 64)?;
        bounded("task", &self.task, 512)?;
        if let Some(url) = &self.poll_url {
            bounded("poll_url", url, 2048)?;
            let authority = url.split_once("://").map_or(&**url, |(_, rest)| rest);
            let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
            if authority.contains('@') {
                return Err(LedgerError::setting(
                    "poll_url",
                    "must hold no user and no password",
                ));
            }
        }
        Ok(())
    }
}

/// A submit whose answer nobody here saw: its process died, or the answer was lost on the way, before there was a
/// handle. The provider may have taken it, and may charge it.
///
/// ```no_run
/// # async fn example(store: longhaul_ledger::Store) -> Result<(), longhaul_ledger::LedgerError> {
/// for lost in store.lost_submits().await? {
///     println!("look for entry {} in the log of whoever speaks {}", lost.entry, lost.dialect);
/// }
/// # Ok(()) }
/// ```
///
/// Look it up in the provider's own list of tasks, by the time and the dialect. Submitting again is a second charge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct LostSubmit {
    /// The entry of the attempt that submitted.
    pub entry: EntryId,
    /// How the provider was asked: the name of its dialect.
    pub dialect: Arc<str>,
    /// When it left, to the microsecond.
    pub submitted_at: SystemTime,
}

/// What becomes known of a task.
///
/// Every note can be written twice without harm: a batch whose commit is in doubt is written again.
pub(super) enum TaskNote {
    /// A submit leaves, in this dialect; or it began no task.
    Submit {
        entry: EntryId,
        dialect: Option<Arc<str>>,
        at: SystemTime,
    },
    /// The attempt of this entry only collected what another had submitted: the entry is taken back.
    Withdrawn { entry: EntryId },
    /// A task is there, or has ended.
    Handle(TaskHandle),
    /// It has ended, and with that the end of its attempt is another than the one that was written down.
    Known { handle: TaskHandle, known: Closed },
}

/// The columns of a handle, in the order in which the sinks bind them.
pub(super) const COLUMNS: &str = "entry, task, dialect, poll_url, submitted_at, expires_at, state";

/// Writes a handle, or what became of it, where that is not known yet; the places of its values are `$1` to `$7`.
///
/// The condition on the state lets the first end of a task win. Two that collect the same task both believe that they
/// were first; the one whose statement changes no row was second.
pub(super) fn upsert() -> String {
    format!(
        "INSERT INTO task_handles ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (entry, task) DO UPDATE SET poll_url = excluded.poll_url, \
         expires_at = excluded.expires_at, state = excluded.state WHERE task_handles.state = '{}'",
        TaskState::Open.name()
    )
}

/// Writes that a submit leaves: entry, dialect and time.
///
/// A second submit of the same entry stands in the place of the first: it happens only after the first began no task.
pub(super) const SUBMIT: &str = "INSERT INTO submits (entry, dialect, submitted_at) VALUES ($1, $2, $3) \
     ON CONFLICT (entry) DO UPDATE SET dialect = excluded.dialect, submitted_at = excluded.submitted_at";

/// Takes that back.
pub(super) const NO_SUBMIT: &str = "DELETE FROM submits WHERE entry = $1";

/// Takes an entry back that has not been closed.
///
/// Only from `running`: no note removes a row of `attempts`.
pub(super) const WITHDRAW: &str = "DELETE FROM running WHERE id = $1";

impl Store {
    /// The submits whose answer nobody saw, in the order of time: no handle followed them, and the end of the attempt
    /// does not tell. A ledger that an older version wrote has none.
    ///
    /// A submit whose attempt still runs is not among them. Only the classes `UnknownOutcome` and `IntermediaryCut`
    /// leave open whether the provider took it; every other end is an answer.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// assert!(ledger.store().lost_submits().await?.is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says, or a row that cannot be read.
    pub async fn lost_submits(&self) -> Result<Vec<LostSubmit>, LedgerError> {
        use sqlx::Row as _;

        if !self.has(WITH_SUBMITS) {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT s.entry, s.dialect, s.submitted_at FROM submits s JOIN attempts a ON a.id = s.entry \
             WHERE a.class IN ('UnknownOutcome', 'IntermediaryCut') \
             AND NOT EXISTS (SELECT 1 FROM task_handles t WHERE t.entry = s.entry) ORDER BY s.submitted_at, s.entry",
        );
        let mut lost = Vec::new();
        for row in self.patient(rows.fetch_all(self.pool())).await? {
            lost.push(LostSubmit {
                entry: entry_id(&row)?,
                dialect: row.try_get::<String, _>(1)?.into(),
                submitted_at: time_of_day(row.try_get(2)?),
            });
        }
        Ok(lost)
    }

    /// The tasks that nobody has collected yet, in the order in which they were submitted. A ledger that an older
    /// version wrote has none.
    ///
    /// A partial index holds only the open ones, so that asking costs the same whatever the ledger's size. For an
    /// example see [`note_task`](crate::DurableLedger::note_task).
    ///
    /// # Errors
    ///
    /// As of [`lost_submits`](Self::lost_submits).
    pub async fn open_tasks(&self) -> Result<Vec<TaskHandle>, LedgerError> {
        use sqlx::Row as _;

        if !self.has(WITH_TASKS) {
            return Ok(Vec::new());
        }
        let statement = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM task_handles WHERE state = 'Open' ORDER BY submitted_at, entry, task"
        ));
        let rows = sqlx::query(statement).fetch_all(self.pool());
        let mut tasks = Vec::new();
        for row in self.patient(rows).await? {
            let text = |column| -> Result<Arc<str>, sqlx::Error> {
                row.try_get::<String, _>(column).map(Into::into)
            };
            let poll_url: Option<String> = row.try_get(3)?;
            let expires_at: Option<i64> = row.try_get(5)?;
            tasks.push(TaskHandle {
                entry: entry_id(&row)?,
                task: text(1)?,
                dialect: text(2)?,
                poll_url: poll_url.map(Into::into),
                submitted_at: time_of_day(row.try_get(4)?),
                expires_at: expires_at.map(time_of_day),
                state: TaskState::Open,
            });
        }
        Ok(tasks)
    }
}

/// The entry that a row begins with.
fn entry_id(row: &sqlx::any::AnyRow) -> Result<EntryId, LedgerError> {
    let id: Vec<u8> = sqlx::Row::try_get(row, 0)?;
    let id = uuid::Uuid::from_slice(&id).map_err(|error| LedgerError::row("entry", error))?;
    Ok(EntryId(id))
}
