//! Calls that go out as tasks: what a gateway that was killed had ordered is collected.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use longhaul::{Class, End};
use longhaul_gateway::config::{Config, Exchange, ProviderKey};
use longhaul_ledger::{Filter, Store};
use longhaul_providers::tasks::TasksPolicy;
use longhaul_sim::server::Server as SimServer;
use tokio::process::Command;

use super::{PROGRAM, Program, sim, told};
use crate::support::{SPEED, post, try_post, until, until_within};

pub(super) const ORDER: &str = r#"{"model": "gpt-5.1", "input": "a cat",
    "tools": [{"type": "image_generation", "size": "1024x1024"}]}"#;

const LEFT: [&str; 1] = ["state=\"left\""];
const PATIENCE: Duration = Duration::from_secs(60);

fn host(server: &SimServer) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

pub(super) fn as_tasks(server: &SimServer) -> impl FnOnce(&mut Config) {
    let policy = TasksPolicy::default().at(host(server), "openai-responses");
    let policy = policy.scaled(1.0 / SPEED).unwrap();
    |config| {
        let upstream = &mut config.upstreams[0];
        upstream.exchange = Exchange::Tasks;
        upstream.tasks = Some(policy);
    }
}

/// With which the two callers come, and may come back.
const KEYS: [(&str, &str); 2] = [("idempotency-key", "one"), ("idempotency-key", "two")];

/// Two calls that a killed gateway leaves as tasks with durable handles.
async fn killed_with_two_tasks(
    folder: &Path,
    server: &SimServer,
    change: impl FnOnce(&mut Config),
) {
    let mut program = Program::start(folder, &server.url(), |config| {
        as_tasks(server)(config);
        change(config);
    })
    .await;
    let url = format!("{}/v1/responses", program.url);
    let ledger = folder.join("ledger.db").display().to_string();
    let durable = async {
        // A reader may come while the file is being made.
        while !open_tasks(&ledger).await.is_ok_and(|open| open == 2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        program.kill();
    };
    let both = async {
        tokio::join!(
            try_post(&url, ORDER, &KEYS[..1]),
            try_post(&url, ORDER, &KEYS[1..]),
            durable
        )
    };
    let (one, other, ()) = tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .expect("both handles are durable in time");
    assert!(one.is_err() && other.is_err(), "the lines broke");
}

async fn open_tasks(ledger: &str) -> Result<usize, longhaul_ledger::LedgerError> {
    let store = Store::open(&ledger.parse()?).await?;
    Ok(store.open_tasks().await?.len())
}

/// Whether it succeeds, and all that it prints. The provider runs on this thread meanwhile.
async fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// All attempts are closed as delivered, each with its picture and at its price.
async fn assert_delivered(ledger: &Path, attempts: usize) {
    let location = longhaul_ledger::Location::Sqlite(ledger.to_owned());
    let store = Store::open(&location).await.unwrap();
    let found = store.records(&Filter::default()).await.unwrap();
    assert_eq!(found.len(), attempts);
    for stored in found {
        let closing = stored.record.closing.unwrap();
        let outcome = closing.outcome;
        assert_eq!(
            (outcome.end, outcome.class),
            (End::Finished, Class::Delivered)
        );
        assert_eq!(outcome.exposure.certain(), stored.record.opening.price);
        assert_eq!(closing.evidence.images, 1);
    }
    assert!(store.check().await.unwrap().is_sound());
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "png"))
        .collect()
}

#[tokio::test]
async fn a_call_that_goes_out_as_a_task_has_its_unary_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none*9").await;
    let program = Program::start(folder.path(), &server.url(), as_tasks(&server)).await;
    let answer = post(&format!("{}/v1/responses", program.url), ORDER, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["output"][0]["result"].is_string());
    assert_eq!(provider.oracle().totals().tasks, 1);
}

#[tokio::test]
async fn what_a_killed_gateway_ordered_is_collected_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    killed_with_two_tasks(folder.path(), &server, |_| {}).await;
    let (ledger, out) = (folder.path().join("ledger.db"), folder.path().join("out"));
    let collect_from = |ledger: &Path| {
        let mut command = Command::new(PROGRAM);
        command.arg("collect").arg("--ledger").arg(ledger);
        command.arg("--out").arg(&out).args(["--within", "60s"]);
        command
    };
    let collect = || collect_from(&ledger);
    let (good, text) = said(&mut collect()).await;
    assert!(!good && text.contains("LONGHAUL_KEY_127_0_0_1_"), "{text}");
    assert_eq!(open_tasks(&ledger.display().to_string()).await.unwrap(), 2);

    let key = format!("{}=A_KEY", host(&server));
    let (good, text) = said(collect().args(["--key", &key]).env("A_KEY", "sk-secret")).await;
    assert!(good, "{text}");
    assert!(
        text.contains("2 are closed now") && !text.contains("sk-secret"),
        "{text}"
    );
    assert!(!text.contains("entry-"), "named by operation: {text}");
    assert_eq!(pictures(&out).len(), 2, "{text}");
    assert_eq!(
        provider.oracle().totals().tasks,
        2,
        "nothing was submitted again"
    );
    let (good, text) = said(&mut collect()).await;
    assert!(good && text.contains("0 tasks were open"), "{text}");
    assert_delivered(&ledger, 2).await;

    let nowhere = folder.path().join("nowhere.db");
    let (good, text) = said(&mut collect_from(&nowhere)).await;
    assert!(!good && text.contains("nowhere.db"), "{text}");
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn what_is_collected_by_hand_is_there_for_who_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    let callers = |config: &mut Config| config.upstreams[0].key = None::<ProviderKey>;
    killed_with_two_tasks(folder.path(), &server, callers).await;
    let collect = || {
        let mut command = Command::new(PROGRAM);
        command.arg("collect").args(["--within", "60s"]);
        command
            .arg("--config")
            .arg(folder.path().join("gateway.toml"));
        command.args(["--key", &format!("{}=A_KEY", host(&server))]);
        command.env("A_KEY", "sk-secret");
        command
    };
    let (good, text) = said(&mut collect()).await;
    assert!(good && text.contains("2 are closed now"), "{text}");
    assert_eq!(
        pictures(&folder.path().join("collected")).len(),
        2,
        "{text}"
    );

    let back = Program::start(folder.path(), &server.url(), |config| {
        as_tasks(&server)(config);
        callers(config);
    })
    .await;
    let url = format!("{}/v1/responses", back.url);
    for key in &KEYS {
        let answer = post(&url, ORDER, std::slice::from_ref(key)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.json()["output"][0]["result"].is_string());
    }
    assert_eq!(
        provider.oracle().totals().tasks,
        2,
        "nothing was submitted again"
    );
    assert_delivered(&folder.path().join("ledger.db"), 2).await;

    // What runs collects for itself.
    let (good, text) = said(&mut collect()).await;
    assert!(!good && text.contains("another process has it"), "{text}");
}

#[tokio::test]
async fn what_a_killed_gateway_ordered_it_collects_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    killed_with_two_tasks(folder.path(), &server, |_| {}).await;
    let back = Program::start(folder.path(), &server.url(), as_tasks(&server)).await;
    let out = folder.path().join("collected");
    until("both pictures are there", || pictures(&out).len() == 2).await;
    until_within(PATIENCE, "no task is left", async || {
        told(&back.metrics().await, "longhaul_tasks_open", &LEFT) == Some(0.0)
    })
    .await;
    assert_eq!(
        provider.oracle().totals().tasks,
        2,
        "nothing was submitted again"
    );
}

#[tokio::test]
async fn without_the_key_a_gateway_leaves_tasks_to_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    let callers = |config: &mut Config| config.upstreams[0].key = None::<ProviderKey>;
    killed_with_two_tasks(folder.path(), &server, callers).await;
    let back = Program::start(folder.path(), &server.url(), |config| {
        as_tasks(&server)(config);
        callers(config);
    })
    .await;
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    until("it says so", || log().contains("longhaul-gateway collect")).await;
    let ledger = folder.path().join("ledger.db").display().to_string();
    assert_eq!(open_tasks(&ledger).await.unwrap(), 2);
    let left = told(&back.metrics().await, "longhaul_tasks_open", &LEFT);
    assert_eq!(left, Some(2.0));
    assert_eq!(provider.oracle().totals().tasks, 2);
}

#[tokio::test]
async fn a_key_that_comes_while_it_runs_collects_what_was_left() {
    let folder = tempfile::tempdir().unwrap();
    // They go on for longer than until it looks again: the provider keeps results for 600 s.
    let (_provider, server) = sim("none+takes@3000*9").await;
    killed_with_two_tasks(folder.path(), &server, |_| {}).await;
    let file = folder.path().join("gateway.toml");
    let with_key = std::fs::read_to_string(&file).unwrap();
    let _back = Program::start(folder.path(), &server.url(), |config| {
        as_tasks(&server)(config);
        config.upstreams[0].key = None::<ProviderKey>;
    })
    .await;
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    until("it has no key", || {
        log().contains("longhaul-gateway collect")
    })
    .await;
    std::fs::write(&file, with_key).unwrap();
    let out = folder.path().join("collected");
    until_within(PATIENCE, "both pictures are there", async || {
        pictures(&out).len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_is_raised_while_it_runs_collects_what_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let (_provider, server) = sim("none+takes@3000*9").await;
    killed_with_two_tasks(folder.path(), &server, |_| {}).await;
    let file = folder.path().join("gateway.toml");
    let raised = std::fs::read_to_string(&file).unwrap();
    let _back = Program::start(folder.path(), &server.url(), |config| {
        as_tasks(&server)(config);
        if let Some(tasks) = &mut config.upstreams[0].tasks {
            tasks.longest_answer = 100;
        }
    })
    .await;
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    until_within(PATIENCE, "they are too long", async || {
        log().contains("a task that was left open stays so")
    })
    .await;
    std::fs::write(&file, raised).unwrap();
    let out = folder.path().join("collected");
    until_within(PATIENCE, "both pictures are there", async || {
        pictures(&out).len() == 2
    })
    .await;
}

#[tokio::test]
async fn what_is_left_is_collected_while_other_tasks_go_on() {
    let folder = tempfile::tempdir().unwrap();
    // More than are asked after at a time.
    const WITHOUT_END: usize = 8;
    let (_provider, server) = sim("none+takes@80000*8, none+takes@1400").await;
    let program = Program::start(folder.path(), &server.url(), |config| {
        as_tasks(&server)(config);
        let upstream = &mut config.upstreams[0];
        // What its caller leaves is left to whoever collects.
        upstream.detach = false;
        if let Some(tasks) = &mut upstream.tasks {
            tasks.deadline = Duration::from_secs(9_000);
        }
    })
    .await;
    let url = format!("{}/v1/responses", program.url);
    let ledger = folder.path().join("ledger.db").display().to_string();
    for left in 1..=WITHOUT_END + 1 {
        let taken_on = until_within(PATIENCE, "its handle is durable", async || {
            open_tasks(&ledger).await.is_ok_and(|open| open == left)
        });
        tokio::select! {
            _ = try_post(&url, ORDER, &[]) => panic!("it takes longer"),
            () = taken_on => {}
        }
        if left == WITHOUT_END {
            until_within(PATIENCE, "they are collected", async || {
                told(&program.metrics().await, "longhaul_tasks_open", &LEFT) == Some(8.0)
            })
            .await;
        }
    }
    let out = folder.path().join("collected");
    until_within(PATIENCE, "the last picture is there", async || {
        pictures(&out).len() == 1
    })
    .await;
}
