//! Many operations at once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use longhaul::{Class, policy::Policy};
use longhaul_sim::{Dialect, Entry, Script};
use longhaul_testing::harness::{Harness, PATIENCE, perform, provider};
use tokio::task::JoinSet;

const DIALECTS: [Dialect; 2] = [Dialect::OpenAi, Dialect::Gemini];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_calls_at_once_never_more_than_ten_are_under_way() {
    // Each takes another time, so that places and connections change hands one by one.
    let script: Vec<_> = (10..60)
        .map(|takes| format!("none+takes@{takes}"))
        .collect();
    let scene = Arc::new(Harness::new(&script.join(",")).await);
    let most_open = Arc::<AtomicUsize>::default();
    let watch = {
        let (scene, most_open) = (scene.clone(), most_open.clone());
        tokio::spawn(async move {
            loop {
                let connections = scene.server.connections();
                let open = connections.iter().filter(|connection| connection.open);
                most_open.fetch_max(open.count(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };

    let client = scene.client();
    let mut calls = JoinSet::new();
    for number in 0..50 {
        calls.spawn(perform(client.clone(), scene.request(DIALECTS[number % 2])));
    }
    let ended = tokio::time::timeout(PATIENCE, calls.join_all()).await;
    let ended = ended.expect("all calls end");
    watch.abort();

    let pictures: BTreeSet<_> = ended.iter().filter_map(|ended| ended.picture()).collect();
    assert_eq!(pictures.len(), 50, "fifty pictures, each another one");
    assert!(
        ended
            .iter()
            .all(|ended| ended.classes() == [Class::Delivered])
    );
    scene.assert_agreement().await;
    let truth = scene.truth().await;
    assert_eq!(truth.len(), 50);
    let most = most_at_once(&truth);
    assert!((2..=10).contains(&most), "{most} requests at once");
    let most = most_open.load(Ordering::Relaxed);
    assert!((2..=10).contains(&most), "{most} connections at once");
}

/// The most requests that the provider had at the same time.
fn most_at_once(entries: &[Entry]) -> usize {
    let during = |moment| {
        let runs = |entry: &&Entry| {
            let finished = entry.finished.expect("settled");
            entry.started <= moment && moment < finished
        };
        entries.iter().filter(runs).count()
    };
    let moments = entries.iter().map(|entry| during(entry.started));
    moments.max().unwrap_or_default()
}

/// So many faults by chance, each as likely as the other, always the same.
fn chance(seed: u64, count: usize) -> Script {
    const FAULTS: [&str; 20] = [
        "none",
        "none",
        "none",
        "overloaded",
        "unavailable",
        "rate-limited-ms@20000",
        "quota",
        "unauthorized",
        "server-error",
        "gateway-timeout@60",
        "early",
        "reset",
        "reset-reading",
        "reset@30",
        "cut@60",
        "truncated",
        "truncated-close",
        "stalled",
        "no-image",
        "blocked",
    ];
    let mut rng = fastrand::Rng::with_seed(seed);
    let faults: Vec<_> = (0..count)
        .map(|_| FAULTS[rng.usize(..FAULTS.len())])
        .collect();
    faults.join(",").parse().expect("a script")
}

async fn mixed(policy: Policy, seed: u64) -> (Vec<Vec<Class>>, Arc<Harness>) {
    let provider = provider("").script(chance(seed, 60));
    let scene = Arc::new(Harness::with(provider, policy).await);
    let client = scene.client();
    let mut calls = JoinSet::new();
    for number in 0..60 {
        calls.spawn(perform(client.clone(), scene.request(DIALECTS[number % 2])));
    }
    let ended = tokio::time::timeout(PATIENCE, calls.join_all()).await;
    let ended = ended.expect("all calls end");
    let classes: Vec<_> = ended.iter().map(|ended| ended.classes()).collect();
    let records = scene.stack.ledger().records();
    let attempts: usize = classes.iter().map(Vec::len).sum();
    assert_eq!(records.len(), attempts, "one record an attempt");
    scene.assert_agreement().await;
    (classes, scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_sixty_the_ledger_agrees() {
    let (classes, _scene) = mixed(Policy::default(), 60).await;
    let delivered = |classes: &&Vec<Class>| classes.last() == Some(&Class::Delivered);
    assert!(classes.iter().filter(delivered).count() > 20, "{classes:?}");
    assert!(classes.iter().any(|classes| classes.len() > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_careful_policy_agrees_too_and_never_pays_twice() {
    let (classes, scene) = mixed(Policy::no_duplicate_charges(), 61).await;
    for classes in &classes {
        let (_, before) = classes.split_last().expect("attempts");
        assert!(
            !before.iter().any(|class| class.is_possibly_charged()),
            "{classes:?}"
        );
    }
    let truth = scene.truth().await;
    let keys: BTreeSet<_> = truth.iter().map(|entry| &entry.key).collect();
    for key in keys {
        let of_key = truth.iter().filter(|entry| &entry.key == key);
        let charged = of_key.filter(|entry| entry.charged_micros > 0).count();
        assert!(charged <= 1, "{key:?} was charged {charged} times");
    }
}
