use std::{fmt, sync::Arc, time::SystemTime};

use serde::Serialize;

use crate::{
    error::LedgerError,
    period,
    store::{EntryId, Store, WITH_TASKS, day_micros, time_of_day},
};

/// A generation that was submitted to a provider and is collected by polling: what whoever comes next needs to collect it.
///
/// It is [noted](super::DurableLedger::note_task) before the first poll, so that no crash loses what was paid for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct TaskHandle {
    /// The entry of the attempt that submitted it.
    pub entry: EntryId,
    /// How the provider is asked: the name of its dialect, at most 64 bytes.
    pub dialect: Arc<str>,
    /// The provider's own name for the task, at most 512 bytes.
    pub task: Arc<str>,
    /// Where it is asked for, where the name is not enough; at most 2,048 bytes, and without a key.
    pub poll_url: Option<Arc<str>>,
    /// When it was submitted, to the microsecond.
    pub submitted_at: SystemTime,
    /// When the provider forgets it, where that is known.
    pub expires_at: Option<SystemTime>,
    /// Where it stands.
    pub state: TaskState,
}

/// Where a task stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[non_exhaustive]
pub enum TaskState {
    /// It runs, or its answer waits to be collected.
    Open,
    /// Its answer was collected.
    Collected,
    /// The provider says that it failed.
    Failed,
    /// The provider does not know it any more.
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
    /// One that the attempt of `entry` submits now.
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

/// The columns of a handle, in the order of [`values`].
pub(super) const COLUMNS: &str = "entry, task, dialect, poll_url, submitted_at, expires_at, state";

/// Writes a handle, or what became of it; the places of its values are `$1` to `$7`.
pub(super) fn upsert() -> String {
    format!(
        "INSERT INTO task_handles ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (entry, task) DO UPDATE SET poll_url = excluded.poll_url, \
         expires_at = excluded.expires_at, state = excluded.state"
    )
}

impl Store {
    /// The tasks that nobody collected yet, in the order in which they were submitted. None in a ledger that an older
    /// version wrote.
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
            let entry: Vec<u8> = row.try_get(0)?;
            let entry = uuid::Uuid::from_slice(&entry);
            let text = |column| -> Result<Arc<str>, sqlx::Error> {
                row.try_get::<String, _>(column).map(Into::into)
            };
            let poll_url: Option<String> = row.try_get(3)?;
            let expires_at: Option<i64> = row.try_get(5)?;
            tasks.push(TaskHandle {
                entry: EntryId(entry.map_err(|error| LedgerError::row("entry", error))?),
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
