//! Everything at once through each of them: the ledger agrees with the provider.

use std::sync::Arc;

use longhaul::{Class, policy::Policy};
use longhaul_sim::Dialect;
use longhaul_testing::{
    Mode,
    harness::{Harness, perform, plain, request},
};
use tokio::task::JoinSet;
use tower::Layer;

use crate::way::{haproxy, nginx, scene};

/// What the provider does, and what a proxy makes of it.
const FAULTS: [&str; 12] = [
    "none",
    "overloaded",
    "none+takes@150",
    "rate-limited-ms@20000",
    "reset@10",
    "none",
    "server-error",
    "truncated",
    "cut@20",
    "no-image",
    "none",
    "silence",
];

fn script() -> String {
    let rounds = [FAULTS.join(","), FAULTS.join(","), FAULTS.join(",")];
    rounds.join(",")
}

async fn agrees(scene: Harness, url: &str) {
    const CALLS: usize = 24;
    let scene = Arc::new(scene);
    let client = scene.stack.layer(plain());
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let dialect = [Dialect::OpenAi, Dialect::Gemini][number % 2];
        calls.spawn(perform(client.clone(), request(url, dialect)));
    }
    let ended = calls.join_all().await;

    let attempts: usize = ended.iter().map(|ended| ended.classes().len()).sum();
    assert_eq!(
        scene.stack.ledger().records().len(),
        attempts,
        "one record an attempt"
    );
    let cut = |class: &Class| *class == Class::IntermediaryCut;
    assert!(
        ended
            .iter()
            .flat_map(|ended| ended.classes())
            .any(|class| cut(&class))
    );
    assert!(
        ended
            .iter()
            .filter(|ended| ended.picture().is_some())
            .count()
            > CALLS / 3
    );
    scene.assert_agreement().await;
}

#[tokio::test]
async fn through_nginx_the_ledger_agrees_with_the_provider() {
    let scene = scene(&script(), Policy::default()).await;
    let Some((_nginx, url)) = nginx(&scene, "proxy_read_timeout 1s;") else {
        return;
    };
    agrees(scene, &url).await;
}

#[tokio::test]
async fn through_haproxy_the_ledger_agrees_with_the_provider() {
    let scene = scene(&script(), Policy::default()).await;
    let Some((_haproxy, url)) = haproxy(&scene, Mode::Http, "timeout server 1s") else {
        return;
    };
    agrees(scene, &url).await;
}
