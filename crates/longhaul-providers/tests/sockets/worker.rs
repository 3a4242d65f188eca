//! The process that is killed: orders pictures as tasks until somebody ends it, and keeps its handles in a file.
//!
//! A program of the tests beside it, and built like an example so that cargo builds it with them. It begins by collecting
//! what an earlier process left.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, Request, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty, Full};
use longhaul::{
    Attempt, Stack,
    attempt::{TaskEnd, TaskHandle, TaskNoted, TaskSink},
    policy::Policy,
};
use longhaul_hyper::Client;
use longhaul_providers::tasks::{Collected, SubmitAndPollLayer, TasksPolicy, collect};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

#[derive(Debug, Parser)]
struct Options {
    /// The simulated provider
    #[arg(long)]
    provider: String,
    /// How many times as fast as real time the provider runs
    #[arg(long)]
    speed: f64,
    /// Where the handles are kept
    #[arg(long)]
    journal: PathBuf,
    /// Ends once what was left is collected
    #[arg(long)]
    collect_only: bool,
}

/// A line for each thing that became known; every line is on the disk before its writer goes on.
#[derive(Clone, Debug)]
struct Journal(Arc<Mutex<File>>);

impl Journal {
    fn write(&self, line: &str) -> std::io::Result<()> {
        let mut file = self.0.lock().expect("no writer panics");
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }
}

impl TaskSink for Journal {
    fn note(&self, handle: &TaskHandle) -> TaskNoted {
        let line = serde_json::to_string(handle).map(|handle| format!("open {handle}"));
        let journal = self.clone();
        Box::pin(async move { Ok(journal.write(&line?)?) })
    }

    fn ended(&self, handle: &TaskHandle, end: TaskEnd) {
        // A line that is missing makes the next process ask once more.
        let _ = self.write(&format!("{end:?} {}", handle.id));
    }
}

/// The handles without an end.
fn open_handles(path: &Path) -> Result<Vec<TaskHandle>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut open = BTreeMap::new();
    // The last line may have been cut off by the kill: its handle was not durable.
    for line in text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
    {
        match line.split_once(' ') {
            Some(("open", handle)) => {
                let handle: TaskHandle = serde_json::from_str(handle)?;
                open.insert(handle.id.clone(), handle);
            }
            Some((_, id)) => {
                open.remove(id);
            }
            None => {}
        }
    }
    Ok(open.into_values().collect())
}

/// Puts the journal on each attempt, as a ledger does when it opens the entry.
#[derive(Clone, Debug)]
struct Keeping<S>(S, Journal);

impl<S, B> Service<Request<B>> for Keeping<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(attempt) = request.extensions().get::<Attempt>() {
            attempt.set_task_sink(Arc::new(self.1.clone()));
        }
        self.0.call(request)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let host = options.provider.trim_start_matches("http://").to_owned();
    let policy = TasksPolicy::default()
        .at(host, "openai-responses")
        .scaled(1.0 / options.speed)?;

    let left = open_handles(&options.journal)?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&options.journal)?;
    let journal = Journal(Arc::new(Mutex::new(file)));
    // A line that was cut off ends here.
    journal.write("")?;
    for handle in left {
        let client = Client::builder().plain_http_only().build()?;
        let headers: HeaderMap = [(AUTHORIZATION, "Bearer sk-secret".parse()?)]
            .into_iter()
            .collect();
        let collected = collect::<_, Empty<Bytes>, _>(
            &handle,
            &policy,
            client,
            headers,
            Duration::from_secs(60),
        )
        .await?;
        let end = match collected {
            Collected::Answer { picture: true, .. } => TaskEnd::Collected,
            Collected::Answer { .. } => TaskEnd::Failed,
            other => return Err(format!("{other:?}").into()),
        };
        journal.ended(&handle, end);
    }
    if options.collect_only {
        return Ok(());
    }

    let keeping = tower::layer::layer_fn(move |inner| Keeping(inner, journal.clone()));
    let exchange = tower::layer::util::Stack::new(SubmitAndPollLayer::new(policy)?, keeping);
    let stack = Stack::new(Policy::default().scaled(1.0 / options.speed)?)?.with_exchange(exchange);
    let client = stack.layer(Client::builder().plain_http_only().build()?);
    let mut calls = JoinSet::new();
    loop {
        if calls.len() >= 6 {
            calls.join_next().await;
        }
        let body = r#"{ "input": "a cat", "tools": [{ "type": "image_generation", "size": "1024x1024" }] }"#;
        let request = Request::post(format!("{}/v1/responses", options.provider))
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-secret")
            .body(Full::<Bytes>::from(body))?;
        let client = client.clone();
        calls.spawn(async move {
            if let Ok(response) = client.oneshot(request).await {
                let _ = response.into_body().collect().await;
            }
        });
    }
}
