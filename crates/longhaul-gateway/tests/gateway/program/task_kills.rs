//! The gateway is killed between the submit of a task and its picture, again and again, with its ledger in a file and in
//! PostgreSQL.

use std::{collections::HashSet, env, path::Path, time::Duration};

use http::HeaderName;
use longhaul_gateway::config::Config;
use longhaul_ledger::{Filter, LedgerError, Store};
use longhaul_sim::{Provider, server::Server as SimServer};
use longhaul_testing::{Postgres, disagreements};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Program, sim,
    tasks::{ORDER, as_tasks},
};
use crate::support::{Answer, try_post, until};

/// How often, where nobody says otherwise.
const KILLS: usize = 5;
/// Calls at a time.
const CALLS: usize = 6;
/// Longer than the lease of a process that is gone, and what is done after it.
const PATIENCE: Duration = Duration::from_secs(150);

fn kills() -> usize {
    let asked = env::var("LONGHAUL_TASK_KILLS").ok();
    asked.map_or(KILLS, |kills| kills.parse().expect("a number of kills"))
}

/// What one caller asks for, and comes back with.
#[derive(Clone)]
struct Order {
    key: String,
    body: String,
}

impl Order {
    fn new(kill: usize, number: usize) -> Self {
        Self {
            key: format!("order-{kill}-{number}"),
            body: ORDER
                .replace("a cat", &format!("cat {number} of {kill}"))
                .replace("1024x1024", "4096x4096"),
        }
    }

    async fn post(&self, url: String) -> Option<Answer> {
        let keyed = [("idempotency-key", self.key.as_str())];
        try_post(&url, &self.body, &keyed).await.ok()
    }
}

fn has_picture(answer: &Answer) -> bool {
    answer.status == 200 && answer.json()["output"][0]["result"].is_string()
}

/// A provider, a ledger, and a gateway that dies and comes back.
struct Scene<'a> {
    folder: &'a Path,
    ledger: String,
    provider: Provider,
    server: SimServer,
}

impl Scene<'_> {
    async fn start(&self) -> Program {
        let ledger = self.ledger.clone();
        Program::start(self.folder, &self.server.url(), |config: &mut Config| {
            as_tasks(&self.server)(config);
            config.ledger = ledger;
            let retry = &mut config.upstreams[0].policy.retry;
            retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
        })
        .await
    }

    /// Calls that are cut off by a kill; returned are those that had no answer.
    async fn killed(&self, program: &mut Program, kill: usize) -> Vec<Order> {
        let tasks = || self.provider.oracle().totals().tasks;
        let before = tasks();
        let mut calls = JoinSet::new();
        for number in 0..CALLS {
            let order = Order::new(kill, number);
            let url = format!("{}/v1/responses", program.url);
            calls.spawn(async move {
                let answer = order.post(url).await;
                (order, answer.is_some_and(|answer| answer.body.is_ok()))
            });
        }
        until("some are submitted", || {
            tasks() >= before + 1 + kill as u64 % 6
        })
        .await;
        sleep(Duration::from_millis(25 * (kill as u64 % 5))).await;
        program.kill();
        let ended = calls.join_all().await;
        let left = ended.into_iter().filter(|(_, answered)| !answered);
        left.map(|(order, _)| order).collect()
    }

    /// Waits until whoever was started has closed what the dead one left running, and collected every handle that was durable.
    async fn collected(&self) {
        let none = async {
            while !left(&self.ledger).await.is_ok_and(|left| left == 0) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, none).await.expect("all are collected");
    }
}

/// Attempts that run as far as the ledger knows, and tasks that are open.
async fn left(ledger: &str) -> Result<usize, LedgerError> {
    let store = Store::open(&ledger.parse()?).await?;
    Ok(store.running().await?.len() + store.open_tasks().await?.len())
}

async fn killed(folder: &Path, ledger: String, kills: usize, script: &str) {
    let (provider, server) = sim(script).await;
    let scene = Scene {
        folder,
        ledger,
        provider: provider.clone(),
        server,
    };
    let mut program = scene.start().await;
    let (mut pictures, mut unknown) = (0, HashSet::new());
    // Later each time, for some are submitted and some have handles.
    for kill in 4..4 + kills {
        let left = scene.killed(&mut program, kill).await;
        program = scene.start().await;
        scene.collected().await;
        for order in left {
            let back = order.post(format!("{}/v1/responses", program.url)).await;
            let back = back.expect("the gateway is there");
            if back.status == 409 {
                unknown.insert(order.key);
            } else {
                assert!(has_picture(&back), "{back:?}");
                pictures += 1;
            }
        }
    }
    program.terminate();
    let ended = async {
        while program.child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it ends");
    provider.oracle().settled().await;

    let store = Store::open(&scene.ledger.parse().unwrap()).await.unwrap();
    let lost = store.lost_submits().await.unwrap();
    let mut lost_keys = HashSet::new();
    for submit in &lost {
        assert_eq!(&*submit.dialect, "openai-responses");
        let stored = store.entry(submit.entry).await.unwrap().unwrap();
        let opening = stored.record.opening;
        assert!(submit.submitted_at >= opening.opened_at, "{submit:?}");
        lost_keys.insert(
            opening
                .idempotency_key
                .expect("a key of the layers' own")
                .to_string(),
        );
    }
    let entries = provider.oracle().entries();
    let mut submitted = HashSet::new();
    for entry in &entries {
        let key = entry.key.clone().expect("every submit has a key");
        assert!(submitted.insert(key.clone()), "submitted twice: {entry:?}");
        if entry.task.as_ref().is_none_or(|task| task.collected == 0) {
            // The provider's yes, and no commit of ours.
            assert!(
                lost_keys.contains(&key),
                "neither collected nor written down: {entry:?}"
            );
        }
    }
    let records = store.records(&Filter::default()).await.unwrap();
    let records: Vec<_> = records.into_iter().map(|stored| stored.record).collect();
    assert_eq!(disagreements(&records, &entries), [""; 0]);
    println!(
        "{kills} kills, {} submits, {pictures} pictures for callers that came back, {} without an answer, {} submits lost",
        entries.len(),
        unknown.len(),
        lost.len(),
    );
    assert!(pictures >= kills, "{pictures} pictures after {kills} kills");
}

#[tokio::test]
async fn killed_again_and_again_it_collects_and_orders_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db").display().to_string();
    killed(folder.path(), ledger, kills(), "none+takes@60*9999").await;
}

#[tokio::test]
async fn killed_with_its_ledger_in_postgres_it_collects_too() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // A result is kept for six seconds of ours: it is made after the lease of the dead has run out.
    killed(
        folder.path(),
        postgres.database(),
        1,
        "none+takes@4500*9999",
    )
    .await;
}
