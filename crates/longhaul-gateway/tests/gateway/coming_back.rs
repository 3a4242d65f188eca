//! Callers who leave and come back, and SDKs that send again by themselves.

use std::time::Duration;

use http::StatusCode;
use longhaul_gateway::{
    caller::new_key,
    config::{KeyConfig, Patience, ProviderKey},
};

use super::support::{PICTURE, Running, provider, until};

const PATH: &str = "/v1/images/generations";
const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_caller_who_left_comes_back_for_its_picture() {
    let gateway = Running::start("none*9").await;
    let key = [("idempotency-key", "order-7")];
    let left = tokio::time::timeout(SOON, gateway.post(PATH, PICTURE, &key)).await;
    assert!(left.is_err());
    let answer = gateway.post(PATH, PICTURE, &key).await;
    let picture = answer.picture();
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    let again = gateway.post(PATH, PICTURE, &key).await;
    assert_eq!(again.picture(), picture);
    assert_eq!(gateway.paid(), 1);
}

#[tokio::test]
async fn an_sdks_retries_pay_for_one_picture() {
    let gateway = Running::start("none*9").await;
    for count in ["0", "1"] {
        let headers = [("x-stainless-retry-count", count)];
        let left = tokio::time::timeout(SOON, gateway.post(PATH, PICTURE, &headers)).await;
        assert!(left.is_err());
    }
    let headers = [("x-stainless-retry-count", "2")];
    gateway.post(PATH, PICTURE, &headers).await.picture();
    assert_eq!(gateway.paid(), 1);
}

#[tokio::test]
async fn an_operation_is_handed_over_to_its_owner_alone() {
    let (alices, hash_of_alices) = new_key().unwrap();
    let (bobs, hash_of_bobs) = new_key().unwrap();
    let gateway = Running::with(provider("none*9"), |config| {
        config.keys.push(KeyConfig::new("alice", hash_of_alices));
        config.keys.push(KeyConfig::new("bob", hash_of_bobs));
        config.upstreams[0].key = Some(ProviderKey::None);
    })
    .await;
    let (alice, bob) = (format!("Bearer {alices}"), format!("Bearer {bobs}"));
    let headers = [
        ("authorization", alice.as_str()),
        ("prefer", "respond-async"),
    ];
    let accepted = gateway.post(PATH, PICTURE, &headers).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let at = accepted.header("location").unwrap().to_owned();
    let answer_at = format!("{at}/answer");
    let alice = [("authorization", alice.as_str())];
    let bob = [("authorization", bob.as_str())];
    for path in [&at, &answer_at] {
        for headers in [&bob[..], &[]] {
            let refused = gateway.get(path, headers).await.status;
            assert!(matches!(refused.as_u16(), 401 | 404), "{refused}");
        }
    }
    let mut status = gateway.get(&at, &alice).await;
    for _ in 0..500 {
        if status.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(SOON).await;
        status = gateway.get(&at, &alice).await;
    }
    assert_eq!(status.json()["status"], "completed");
    let whole = gateway.get(&answer_at, &alice).await.picture();
    assert_eq!(status.json()["result"]["data"][0]["b64_json"], whole);
    // The same idempotency key of somebody else is another operation.
    for headers in [
        [alice[0], ("idempotency-key", "same")],
        [bob[0], ("idempotency-key", "same")],
    ] {
        let answer = gateway.post(PATH, PICTURE, &headers).await;
        answer.picture();
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    assert_eq!(gateway.paid(), 3);
}

#[tokio::test]
async fn an_upstream_without_detach_ends_with_its_caller() {
    let gateway = Running::with(provider("none*9"), |config| {
        config.upstreams[0].detach = false
    })
    .await;
    let left = tokio::time::timeout(SOON, gateway.post(PATH, PICTURE, &[])).await;
    assert!(left.is_err());
    let busy = gateway.gateway.clone();
    until("nothing is in flight", || busy.in_flight() == 0).await;
    assert_eq!(gateway.provider.oracle().totals().delivered, 0);
}

#[tokio::test]
async fn a_silent_line_is_kept_open_and_the_picture_is_whole() {
    let gateway = Running::with(provider("none"), |config| {
        config.heartbeat.after = Duration::from_millis(50);
        config.heartbeat.every = Duration::from_millis(20);
    })
    .await;
    let answer = gateway.picture().await;
    assert!(
        answer.body.as_ref().unwrap().starts_with(b"  "),
        "{answer:?}"
    );
    answer.picture();
    assert!(
        answer
            .header("x-longhaul-operation")
            .unwrap()
            .starts_with("op_")
    );
}

#[tokio::test]
async fn a_patient_upstream_waits_where_others_pass_a_refusal_on() {
    for (patience, status) in [
        (Patience::Refusal, StatusCode::SERVICE_UNAVAILABLE),
        (Patience::Deadline, StatusCode::OK),
    ] {
        let gateway = Running::with(provider("overloaded*3, none*9"), |config| {
            config.heartbeat.after = Duration::from_millis(50);
            config.heartbeat.every = Duration::from_millis(20);
            config.upstreams[0].patience = patience;
        })
        .await;
        let answer = gateway.picture().await;
        assert_eq!(answer.status, status, "{patience:?}: {answer:?}");
        let may_send_again = answer.header("x-should-retry") == Some("true");
        assert_eq!(may_send_again, patience == Patience::Refusal);
    }
}
