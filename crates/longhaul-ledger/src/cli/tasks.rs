//! `tasks`: what was submitted to providers, and is not known to have ended.
//!
//! Two lists in one: tasks with a handle, which can be collected, and submits of which nobody saw the answer, which
//! only the provider can tell of. The second kind has no name in the column `task`.

use std::{collections::HashMap, time::SystemTime};

use longhaul::billing::Opening;
use longhaul_ledger::{EntryId, local_time};
use serde::Serialize;

use super::{Common, Ending, Failure, Output, output::say, table::text};

#[derive(Debug, clap::Args)]
pub(crate) struct TasksOptions {}

/// A submit, and the task that came of it, where that is known.
#[derive(Serialize)]
struct Submitted {
    entry: EntryId,
    operation: Option<String>,
    host: Option<String>,
    dialect: String,
    /// The provider's own name for it; none where the submit's answer was never seen.
    task: Option<String>,
    poll_url: Option<String>,
    submitted_at: String,
    expires_at: Option<String>,
}

/// The entry of each is looked up for its operation and host; few are open at any time.
pub(crate) async fn run(common: &Common, _options: &TasksOptions) -> Result<Ending, Failure> {
    let store = common.reader().await?;
    let (open, lost) = (store.open_tasks().await?, store.lost_submits().await?);
    let mut openings = HashMap::<EntryId, Opening>::new();
    let entries = open.iter().map(|task| task.entry);
    for entry in entries.chain(lost.iter().map(|submit| submit.entry)) {
        if let Some(stored) = store.entry(entry).await? {
            openings.insert(entry, stored.record.opening);
        }
    }
    let zone = common.zone();
    let time = |time: SystemTime| local_time(time, &zone);
    let submitted = |entry: EntryId, dialect: &str, at: SystemTime| {
        let opening = openings.get(&entry);
        Submitted {
            entry,
            operation: opening.map(|opening| opening.operation.to_string()),
            host: opening.and_then(|opening| opening.host.as_deref().map(str::to_owned)),
            dialect: dialect.to_owned(),
            task: None,
            poll_url: None,
            submitted_at: time(at),
            expires_at: None,
        }
    };
    let found: Vec<_> = open
        .iter()
        .map(|task| Submitted {
            task: Some(task.task.to_string()),
            poll_url: task.poll_url.as_deref().map(str::to_owned),
            expires_at: task.expires_at.map(time),
            ..submitted(task.entry, &task.dialect, task.submitted_at)
        })
        .chain(
            lost.iter()
                .map(|lost| submitted(lost.entry, &lost.dialect, lost.submitted_at)),
        )
        .collect();
    show(common, &found)?;
    say(format_args!(
        "{} tasks are open: `longhaul-gateway collect` fetches what came of them",
        open.len()
    ));
    if !lost.is_empty() {
        say(format_args!(
            "{} submits were lost before anybody here saw their answer, and may be charged: ask the provider what it took at \
             these times",
            lost.len()
        ));
    }
    Ok(Ending::of(!found.is_empty()))
}

fn show(common: &Common, found: &[Submitted]) -> std::io::Result<()> {
    let mut output = Output::new();
    if common.json() {
        for submitted in found {
            output.json(submitted)?;
        }
        return output.end();
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut table = output.table(&[
        text("submitted", 200),
        text("operation", 60),
        text("host", 90),
        text("dialect", 100),
        text("task", 201),
        text("kept until", 80),
    ]);
    table.rows(found.iter().map(|submitted| {
        vec![
            submitted.submitted_at.clone(),
            or_none(&submitted.operation),
            or_none(&submitted.host),
            submitted.dialect.clone(),
            or_none(&submitted.task),
            or_none(&submitted.expires_at),
        ]
    }))?;
    table.end()?;
    output.end()
}
