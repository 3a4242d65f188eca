//! Callers who leave and come back, and SDKs that send again by themselves.

use std::time::Duration;

use http::StatusCode;
use longhaul_gateway::{
    caller::new_key,
    config::{KeyConfig, Patience, ProviderKey},
};

use super::support::{PICTURE, Running, provider, send, until};

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

#[tokio::test]
async fn no_upstream_is_told_of_an_operations_address() {
    for remembers in [true, false] {
        let gateway =
            Running::with(provider("none*9"), |config| config.replay.on = remembers).await;
        let operation = "/v1/longhaul/operations/op_00112233445566778899aabbccddeeff";
        for path in [operation, "/v1/longhaul/operations", "/v1/longhaul"] {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
                let request = http::Request::builder().method(method);
                let request = request.uri(format!("{}{path}", gateway.url));
                let answer = send(request.body(Default::default()).unwrap()).await;
                let body = answer.body.as_ref().unwrap();
                if matches!(method, "GET" | "HEAD") {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
                } else {
                    assert_eq!(
                        answer.status,
                        StatusCode::METHOD_NOT_ALLOWED,
                        "{method} {path}"
                    );
                    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
                }
                assert_eq!(answer.header("x-should-retry"), Some("false"));
                if method == "HEAD" {
                    assert!(body.is_empty());
                } else {
                    let code = &answer.json()["error"]["code"];
                    let codes = ["no_operation", "method_not_allowed"];
                    assert!(codes.iter().any(|known| code == known), "{code}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_head_of_an_operation_is_its_get_without_a_body() {
    let gateway = Running::start("none*9").await;
    let answer = gateway.picture().await;
    answer.picture();
    let at = format!(
        "{}/v1/longhaul/operations/{}/answer",
        gateway.url,
        answer.header("x-longhaul-operation").unwrap()
    );
    let ask = async |method: &str| {
        let request = http::Request::builder().method(method).uri(&at);
        send(request.body(Default::default()).unwrap()).await
    };
    let (mut get, mut head) = (ask("GET").await, ask("HEAD").await);
    get.picture();
    assert!(head.body.unwrap().is_empty());
    assert_eq!(head.status, get.status);
    for headers in [&mut get.headers, &mut head.headers] {
        headers.remove("date");
    }
    assert_eq!(head.headers, get.headers);
}

#[tokio::test]
async fn a_renamed_upstream_gives_kept_pictures_to_their_keys() {
    let mut renamed = None;
    let gateway = Running::with(provider("none*9"), |config| {
        let mut other = config.clone();
        other.upstreams[0].name = "renamed".to_owned();
        renamed = Some(other);
    })
    .await;
    let key = [("idempotency-key", "order-7")];
    let picture = gateway.post(PATH, PICTURE, &key).await.picture();
    gateway.gateway.reload(&renamed.unwrap()).await.unwrap();
    let again = gateway.post(PATH, PICTURE, &key).await;
    assert_eq!(again.picture(), picture);
    assert_eq!(gateway.paid(), 1);
}

#[tokio::test]
async fn a_host_counts_for_a_key_where_it_chooses_the_upstream() {
    for by_host in [true, false] {
        let gateway = Running::with(provider("none*9"), |config| {
            if by_host {
                let mut other = config.upstreams[0].clone();
                other.name = "other".to_owned();
                other.hosts = vec!["b.example".to_owned()];
                config.upstreams[0].hosts = vec!["a.example".to_owned()];
                config.upstreams.push(other);
            }
        })
        .await;
        let ask = async |host| {
            let headers = [("idempotency-key", "order-7"), ("host", host)];
            gateway.post(PATH, PICTURE, &headers).await
        };
        let picture = ask("a.example").await.picture();
        assert_eq!(ask("A.example:8080").await.picture(), picture);
        let elsewhere = ask("b.example").await;
        match by_host {
            true => assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY),
            false => assert_eq!(elsewhere.picture(), picture),
        }
        assert_eq!(gateway.paid(), 1);
    }
}

#[tokio::test]
async fn whoever_gets_no_ticket_has_its_line_kept_open() {
    let gateway = Running::with(provider("none*9"), |config| {
        config.replay.on = false;
        config.heartbeat.after = Duration::from_millis(50);
        config.heartbeat.every = Duration::from_millis(20);
    })
    .await;
    let prefer = [("prefer", "respond-async")];
    let answer = gateway.post(PATH, PICTURE, &prefer).await;
    assert!(
        answer.body.as_ref().unwrap().starts_with(b" "),
        "{answer:?}"
    );
    answer.picture();
}
