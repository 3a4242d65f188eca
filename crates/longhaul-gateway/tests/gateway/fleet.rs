//! Two gateways that share PostgreSQL and the folder of answers.

use std::time::Duration;

use http::StatusCode;
use longhaul_gateway::{
    config::Config,
    gateway::Gateway,
    replay::{Index, SqlIndex},
};
use longhaul_sim::server::Server as SimServer;
use longhaul_testing::Postgres;

use super::support::{PICTURE, config, post, provider, serve, until};

const PATH: &str = "/v1/images/generations";

#[tokio::test]
async fn a_caller_comes_back_to_another_gateway_and_pays_once() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let database = postgres.database();
    let provider = provider("none+takes@200*9");
    let upstream = SimServer::start(provider.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let share = |config: &mut Config| config.state = database.clone();
    let config = config(&upstream.url(), &folder, share);
    let (one, two) = (
        Gateway::new(&config).await.unwrap(),
        Gateway::new(&config).await.unwrap(),
    );
    let (first, _stop_one, _one) = serve(&one, &config).await;
    let (second, _stop_two, _two) = serve(&two, &config).await;
    let (first, second) = (format!("{first}{PATH}"), format!("{second}{PATH}"));

    let key = [("idempotency-key", "order-1")];
    let call = {
        let first = first.clone();
        tokio::spawn(async move { post(&first, PICTURE, &key).await })
    };
    until("the call is at the provider", || {
        provider.oracle().entries().len() == 1
    })
    .await;
    call.abort();
    // It still runs at the first one.
    let back = post(&second, PICTURE, &key).await;
    let picture = back.picture();
    assert_eq!(back.header("idempotent-replayed"), Some("true"));
    // It has ended there.
    assert_eq!(post(&second, PICTURE, &key).await.picture(), picture);
    let retry = [("x-stainless-retry-count", "1")];
    assert_eq!(post(&second, PICTURE, &retry).await.picture(), picture);
    assert_eq!(provider.oracle().entries().len(), 1);
    let other = post(&second, &PICTURE.replace("cat", "dog"), &key).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_gateway_that_is_gone_leaves_unknown_outcomes_and_one_that_lives_does_not() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let database = postgres.database();
    let lease = Duration::from_millis(300);
    let dead = SqlIndex::open(&database).await.unwrap().with_lease(lease);
    let alive = SqlIndex::open(&database).await.unwrap().with_lease(lease);
    assert_eq!(dead.secret(), alive.secret());
    let row = dead.row_for_tests(1);
    assert!(dead.begin(row.clone()).await.unwrap().is_none());
    assert_eq!(alive.renew().await.unwrap(), 0);
    tokio::time::sleep(lease * 2).await;
    assert_eq!(alive.renew().await.unwrap(), 1);
    let found = alive.get(row.id).await.unwrap().unwrap();
    assert_eq!(found.state, longhaul_gateway::replay::State::Unknown);
}
