//! Its death in the middle of a call, and its orderly end.

use std::time::Duration;

use http::StatusCode;

use super::{PATH, Program, from_environment, sim};
use crate::support::{PICTURE, post, try_post, until};

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
    let (provider, server) = sim("none+takes@100*9").await;
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
    stays.await.unwrap().picture();
    let mut ended = None;
    for _ in 0..400 {
        ended = program.child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ended.expect("it ends by itself").success());
    assert_eq!(provider.oracle().totals().delivered, 2);
}
