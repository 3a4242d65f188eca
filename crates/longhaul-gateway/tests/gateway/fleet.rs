//! Two gateways that share PostgreSQL, and answers in a folder or in a store.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use longhaul::Money;
use longhaul_gateway::{
    config::{Cap, Config, Per},
    gateway::Gateway,
    replay::{Index, SqlIndex},
};
use longhaul_sim::server::Server as SimServer;
use longhaul_testing::Postgres;
use tempfile::TempDir;

use super::support::{PICTURE, config, get, one_caller, post, provider, serve, until};

const PATH: &str = "/v1/images/generations";

/// The configuration of gateways that share `database` and have one caller, who may spend so much; and how it says who it is.
fn of_one_caller(
    upstream: &SimServer,
    folder: &TempDir,
    database: String,
    cap: Cap,
) -> (Config, String) {
    let (key, caller) = one_caller(cap);
    let config = config(&upstream.url(), folder, |config| {
        config.state = database;
        caller(config);
    });
    (config, format!("Bearer {key}"))
}

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
async fn only_a_gateway_that_is_gone_leaves_unknown_outcomes() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let database = postgres.database();
    let lease = Duration::from_secs(3);
    let dead = SqlIndex::open(&database).await.unwrap().with_lease(lease);
    let alive = SqlIndex::open(&database).await.unwrap().with_lease(lease);
    assert_eq!(dead.secret(), alive.secret());
    let row = dead.row_for_tests(1);
    assert!(dead.begin(row.clone()).await.unwrap().is_none());
    dead.renew().await.unwrap();
    assert_eq!(alive.renew().await.unwrap(), 0);
    tokio::time::sleep(lease * 2).await;
    assert_eq!(alive.renew().await.unwrap(), 1);
    let found = alive.get(row.id).await.unwrap().unwrap();
    assert_eq!(found.state, longhaul_gateway::replay::State::Unknown);
}

#[tokio::test]
async fn an_answer_in_the_store_is_had_from_every_gateway() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let database = postgres.database();
    let provider = provider("none*9");
    let upstream = SimServer::start(provider.clone()).await.unwrap();
    let shared = tempfile::tempdir().unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let store = shared.path().join("answers");
    let mut running = Vec::new();
    for folder in &folders {
        let config = config(&upstream.url(), folder, |config| {
            config.state = database.clone();
            config.replay.store = Some(format!("file://{}", store.display()));
        });
        let gateway = Gateway::new(&config).await.unwrap();
        running.push((serve(&gateway, &config).await, gateway));
    }
    let url = |index: usize| running[index].0.0.clone();
    let key = [("idempotency-key", "order-1")];
    let made = post(&format!("{}{PATH}", url(0)), PICTURE, &key).await;
    let picture = made.picture();
    // The answer leaves for the store once it is whole.
    until("the answer is in the store", || {
        std::fs::read_dir(&store).unwrap().count() == 1
    })
    .await;
    let back = post(&format!("{}{PATH}", url(1)), PICTURE, &key).await;
    assert_eq!(back.picture(), picture);
    assert_eq!(back.header("idempotent-replayed"), Some("true"));
    let operation = made.header("x-longhaul-operation").unwrap();
    let at = format!("/v1/longhaul/operations/{operation}");
    for index in [0, 1] {
        let whole = get(&format!("{}{at}/answer", url(index)), &[]).await;
        assert_eq!(whole.picture(), picture);
        let told = get(&format!("{}{at}", url(index)), &[]).await.json();
        assert_eq!(told["result"]["data"][0]["b64_json"], picture);
    }
    // The one that made it still knows it, and has no file of it.
    let again = post(&format!("{}{PATH}", url(0)), PICTURE, &key).await;
    assert_eq!(again.picture(), picture);
    for folder in &folders {
        let left = std::fs::read_dir(folder.path().join("answers"));
        assert_eq!(left.map_or(0, Iterator::count), 0);
    }
    assert_eq!(provider.oracle().entries().len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&store).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[tokio::test]
async fn two_gateways_together_never_go_over_a_cap() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let provider = provider("none*99");
    let upstream = SimServer::start(provider.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Four pictures, and not a fifth.
    let cap = Cap::new(Money::usd_micros(1_000_000), Per::Month);
    let (config, bearer) = of_one_caller(&upstream, &folder, postgres.database(), cap);
    let mut gateways = Vec::new();
    for _ in 0..2 {
        let gateway = Gateway::new(&config).await.unwrap();
        gateways.push((serve(&gateway, &config).await, gateway));
    }
    let headers = [("authorization", bearer.as_str())];
    let ask = async |number: usize| {
        let url = format!("{}{PATH}", gateways[number % 2].0.0);
        let body = PICTURE.replace("cat", &format!("cat {number}"));
        post(&url, &body, &headers).await.status
    };
    let statuses = join_all((0..24).map(ask)).await;
    let of = |wanted: StatusCode| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!(of(StatusCode::OK), 4, "{statuses:?}");
    assert_eq!(of(StatusCode::PAYMENT_REQUIRED), 20, "{statuses:?}");
    assert_eq!(provider.oracle().totals().charged, 4);
    // Who comes new knows what was spent.
    drop(gateways);
    let third = Gateway::new(&config).await.unwrap();
    let (url, _stop, _serving) = serve(&third, &config).await;
    let refused = post(&format!("{url}{PATH}"), PICTURE, &headers).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn what_ended_free_is_free_again_in_the_shared_cap() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let provider = provider("bad-request*3, none*9");
    let upstream = SimServer::start(provider.clone()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cap = Cap::new(Money::usd_micros(250_000), Per::Day);
    let (config, bearer) = of_one_caller(&upstream, &folder, postgres.database(), cap);
    let gateway = Gateway::new(&config).await.unwrap();
    let (url, _stop, _serving) = serve(&gateway, &config).await;
    let headers = [("authorization", bearer.as_str())];
    for status in [400, 400, 400, 200, 402] {
        let body = PICTURE.replace("cat", &format!("cat {status}"));
        // What is given back is written down soon after its answer.
        let mut answer = post(&format!("{url}{PATH}"), &body, &headers).await;
        for _ in 0..100 {
            if answer.status.as_u16() == status || status == 402 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            answer = post(&format!("{url}{PATH}"), &body, &headers).await;
        }
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
}
