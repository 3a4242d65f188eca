//! Its death in the middle of a call, and its orderly end.

use std::{process::ExitStatus, time::Duration};

use http::StatusCode;
use longhaul::Class;
use longhaul_gateway::config::Config;
use longhaul_ledger::{Filter, Location, Store};

use super::{PATH, Program, from_environment, sim};
use crate::support::{PICTURE, get, post, try_post, until, until_within};

/// On a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn killed_in_the_middle_of_calls_it_pays_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9999").await;
    let sent = || provider.oracle().entries().len();
    let mut program = Program::start(folder.path(), &server.url(), |_| {}).await;
    for round in 0..from_environment("LONGHAUL_GATEWAY_KILLS", 5) {
        let before = sent();
        let order = format!("order-{round}");
        let cat = PICTURE.replace("cat", &format!("cat {round}"));
        let dog = PICTURE.replace("cat", &format!("dog {round}"));
        let keyed = [("idempotency-key", order.as_str())];
        let first = [("x-stainless-retry-count", "0"), ("user-agent", "sdk")];
        let url = format!("{}{PATH}", program.url);
        let killed = async {
            until("both calls are at the provider", || sent() == before + 2).await;
            program.kill();
        };
        let (with_key, counted, ()) = tokio::join!(
            try_post(&url, &cat, &keyed),
            try_post(&url, &dog, &first),
            killed
        );
        assert!(with_key.is_err() && counted.is_err(), "the lines broke");

        program = Program::start(folder.path(), &server.url(), |_| {}).await;
        let url = format!("{}{PATH}", program.url);
        let back = post(&url, &cat, &keyed).await;
        assert_eq!(back.status, StatusCode::CONFLICT, "{back:?}");
        assert_eq!(back.json()["error"]["code"], "outcome_unknown");
        assert_eq!(back.header("x-should-retry"), Some("false"));
        let back = post(&url, &dog, &[("x-stainless-retry-count", "1")]).await;
        assert_eq!(back.status, StatusCode::CONFLICT, "{back:?}");
        assert_eq!(sent(), before + 2, "in round {round}");
    }
    let last = sent();
    let again = [
        ("idempotency-key", "order-0"),
        ("x-longhaul-send-again", "true"),
    ];
    let url = format!("{}{PATH}", program.url);
    let cat = PICTURE.replace("cat", "cat 0");
    post(&url, &cat, &again).await.picture();
    assert_eq!(sent(), last + 1);
}

#[tokio::test]
async fn terminated_it_lets_calls_finish_also_those_without_a_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    let mut program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let url = format!("{}{PATH}", program.url);
    let left = tokio::spawn({
        let url = url.clone();
        async move { try_post(&url, PICTURE, &[]).await.is_ok() }
    });
    let stays = tokio::spawn(async move { post(&url, PICTURE, &[]).await });
    until("both calls are at the provider", || {
        provider.oracle().entries().len() == 2
    })
    .await;
    left.abort();
    program.terminate();
    let ready = format!("{}/readyz", program.admin);
    until_within(PATIENCE, "no new calls are wanted", async || {
        get(&ready, &[]).await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    stays.await.unwrap().picture();
    assert!(ends(&mut program).await.success());
    assert_eq!(provider.oracle().totals().delivered, 2);
}

#[tokio::test]
async fn what_runs_when_the_time_is_over_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@2000*9").await;
    let in_a_moment = |config: &mut Config| config.drain = Duration::from_millis(200);
    let mut program = Program::start(folder.path(), &server.url(), in_a_moment).await;
    let url = format!("{}{PATH}", program.url);
    let key = [("idempotency-key", "order-1")];
    let call = tokio::spawn(async move { try_post(&url, PICTURE, &key).await });
    until("the call is at the provider", || {
        provider.oracle().entries().len() == 1
    })
    .await;
    program.terminate();
    // It is told that nobody knows, or its line breaks.
    if let Ok(answer) = call.await.unwrap() {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    }
    ends(&mut program).await;
    let ledger = Location::Sqlite(folder.path().join("ledger.db"));
    let store = Store::open(&ledger).await.unwrap();
    let records = store.records(&Filter::default()).await.unwrap();
    let closing = records[0].record.closing.as_ref().unwrap();
    assert_eq!(closing.outcome.class, Class::UnknownOutcome);
    assert_eq!(records.len(), 1);

    let program = Program::start(folder.path(), &server.url(), |_| {}).await;
    let back = program.picture(&key).await;
    assert_eq!(back.json()["error"]["code"], "outcome_unknown", "{back:?}");
    assert_eq!(provider.oracle().entries().len(), 1);
}

/// How it ended by itself.
async fn ends(program: &mut Program) -> ExitStatus {
    let mut ended = None;
    until("it ends by itself", || {
        ended = program.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    ended.unwrap()
}
