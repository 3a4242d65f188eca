//! What one caller has of another: nothing.

use std::time::Duration;

use http::StatusCode;
use longhaul_gateway::{
    caller::new_key,
    config::{Config, KeyConfig, ProviderKey},
};
use tokio::{net::TcpListener, time::timeout};

use super::{
    holding::{Holding, order},
    support::{Answer, PICTURE, Running, patient_policy, provider, until},
};

const PATH: &str = "/v1/images/generations";

/// What must come within moments comes within this on any machine.
const SOON: Duration = Duration::from_secs(20);

/// A gateway in front of `holding` with two callers; the headers of each.
async fn two(holding: &Holding, change: impl FnOnce(&mut Config)) -> (Running, [String; 2]) {
    let keys = ["alice", "bob"].map(|name| (name, new_key().unwrap()));
    let gateway = Running::with(provider(""), |config| {
        for (name, (_, hash)) in &keys {
            config.keys.push(KeyConfig::new(*name, *hash));
        }
        let upstream = &mut config.upstreams[0];
        upstream.key = Some(ProviderKey::None);
        upstream.url.clone_from(&holding.url);
        upstream.policy = patient_policy();
        change(config);
    })
    .await;
    let bearers = keys.map(|(_, (key, _))| format!("Bearer {key}"));
    (gateway, bearers)
}

#[tokio::test]
async fn a_stranger_with_the_same_request_attaches_to_nothing() {
    let holding = Holding::start(1000, Duration::ZERO).await;
    let (gateway, [alice, bob]) = two(&holding, |config| config.replay.coalesce = true).await;
    let ask = async |bearer: &str, name: &str, value: &str| {
        let headers = [("authorization", bearer), (name, value)];
        gateway.post(PATH, &order(name), &headers).await
    };
    // The operation of one caller runs without it; the other asks in every way that finds an operation.
    let ways = [
        ("idempotency-key", "order-1"),
        ("x-stainless-retry-count", "1"),
        ("x-other", "coalesced"),
    ];
    for (number, (name, value)) in (1..).zip(ways) {
        holding.hold();
        let alices = async {
            tokio::select! {
                _ = ask(&alice, name, value) => panic!("nobody answers"),
                () = until("alice's is at the provider", || holding.waiting() == 1) => {}
            }
        };
        alices.await;
        let bobs = async {
            tokio::join!(ask(&bob, name, value), async {
                until("bob's is a call of its own", || holding.waiting() == 2).await;
                holding.answer();
            })
        };
        let (answer, ()) = timeout(SOON, bobs).await.unwrap();
        assert_eq!(answer.header("idempotent-replayed"), None, "{name}");
        answer.picture();
        assert_eq!(holding.asked(), 2 * number, "{name}");
        until("alice's has ended too", || holding.waiting() == 0).await;
    }
}

#[tokio::test]
async fn another_callers_operation_is_as_one_that_does_not_exist() {
    let holding = Holding::start(1000, Duration::ZERO).await;
    let (gateway, [alice, bob]) = two(&holding, |_| {}).await;
    let headers = [("authorization", &*alice), ("prefer", "respond-async")];
    let accepted = gateway.post(PATH, PICTURE, &headers).await;
    let location = accepted.header("location").unwrap().to_owned();
    let nowhere = format!("{}{}", &location[..location.len() - 32], "0".repeat(32));
    let bob = [("authorization", &*bob)];
    let without_date = |answer: Answer| {
        let mut headers = answer.headers;
        headers.remove("date");
        (answer.status, headers, answer.body)
    };
    for suffix in ["", "/answer"] {
        let theirs = gateway.get(&format!("{location}{suffix}"), &bob).await;
        let nobodys = gateway.get(&format!("{nowhere}{suffix}"), &bob).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        assert_eq!(without_date(theirs), without_date(nobodys), "{suffix}");
    }
    holding.answer();
}

#[tokio::test]
async fn a_caller_that_takes_all_places_holds_up_nobody_for_long() {
    let holding = Holding::start(1000, Duration::ZERO).await;
    let (gateway, [alice, bob]) = two(&holding, |config| {
        config.upstreams[0].places = 2;
        config.keys[0].in_flight = 100;
        config.keys[0].queue = 100;
    })
    .await;
    let ask = |bearer: &str, prompt: String| {
        let (url, bearer) = (format!("{}{PATH}", gateway.url), bearer.to_owned());
        tokio::spawn(async move {
            let headers = [("authorization", &*bearer)];
            super::support::post(&url, &order(&prompt), &headers).await
        })
    };
    let alices: Vec<_> = (0..20)
        .map(|number| ask(&alice, format!("cat {number}")))
        .collect();
    until("all places are taken", || holding.waiting() == 2).await;
    until("the others wait", || {
        gateway.gateway.upstreams()[0].turns().counts() == (2, 18)
    })
    .await;
    let bobs = ask(&bob, "bob's dog".to_owned());
    until("bob waits", || {
        gateway.gateway.upstreams()[0].turns().counts() == (2, 19)
    })
    .await;
    holding.answer();
    bobs.await.unwrap().picture();
    // It had its turn among the first, and not after the twenty.
    let place = holding.place_of("bob's dog").unwrap();
    assert!(place < 6, "bob's was number {place}");
    for call in alices {
        call.await.unwrap().picture();
    }
}

#[tokio::test]
async fn a_callers_deadline_ends_its_wait_for_a_turn() {
    let holding = Holding::start(1000, Duration::ZERO).await;
    let (gateway, [alice, bob]) = two(&holding, |config| config.upstreams[0].places = 1).await;
    let (url, first) = (format!("{}{PATH}", gateway.url), order("cat"));
    let alices = tokio::spawn(async move {
        super::support::post(&url, &first, &[("authorization", &*alice)]).await
    });
    until("the place is taken", || holding.waiting() == 1).await;
    let headers = [("authorization", &*bob), ("grpc-timeout", "200m")];
    let bobs = timeout(SOON, gateway.post(PATH, &order("dog"), &headers)).await;
    let bobs = bobs.expect("it does not wait for alice's picture");
    assert_eq!(bobs.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bobs.header("x-longhaul-class"), Some("NotBegun"));
    assert_eq!(gateway.gateway.upstreams()[0].turns().counts(), (1, 0));
    holding.answer();
    alices.await.unwrap().picture();
    assert_eq!(holding.asked(), 1);
}

#[tokio::test]
async fn nothing_that_a_caller_says_leads_elsewhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = elsewhere.local_addr().unwrap().to_string();
    let holding = Holding::start(1000, Duration::ZERO).await;
    holding.answer();
    let (gateway, [alice, _]) = two(&holding, |_| {}).await;
    let url = format!("http://{at}/v1/images/generations");
    let forwarded = format!("host={at}");
    for (name, value) in [
        ("host", &at),
        ("forwarded", &forwarded),
        ("x-forwarded-host", &at),
        ("x-forwarded-for", &at),
        ("x-original-url", &url),
        ("x-rewrite-url", &url),
        ("x-longhaul-target", &url),
        ("x-longhaul-upstream", &url),
        ("destination", &url),
        ("location", &url),
        ("proxy", &url),
    ] {
        let headers = [("authorization", &*alice), (name, &**value)];
        gateway.post(PATH, &order(name), &headers).await.picture();
    }
    for path in [
        format!("//{at}/v1/images/generations"),
        format!("/v1/images/generations/..//{at}"),
        format!("/@{at}/v1/images/generations"),
        format!("/v1/images/generations@{at}"),
        format!("/v1/images/generations?url={url}&base_url={url}"),
        "/v1/images/%2e%2e/generations".to_owned(),
        "/v1/images/..%2fgenerations".to_owned(),
    ] {
        let headers = [("authorization", &*alice)];
        // Wherever in the configured upstream it leads.
        gateway.post(&path, &order(&path), &headers).await;
    }
    // A body that names addresses is a prompt.
    let body = format!(
        r#"{{"model": "{url}", "prompt": "{url}", "image_url": "{url}", "url": "{url}", "webhook": "{url}"}}"#
    );
    gateway
        .post(PATH, &body, &[("authorization", &*alice)])
        .await;
    let called = timeout(Duration::from_millis(200), elsewhere.accept()).await;
    assert!(called.is_err(), "somebody called {called:?}");
}
