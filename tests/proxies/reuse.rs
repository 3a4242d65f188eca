//! Which connection to a proxy a call takes.

use std::{collections::BTreeSet, time::Duration};

use longhaul::{Class, policy::Policy};
use longhaul_hyper::{Client, Settings};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{SentBody, perform, request, until};
use tower::Layer;

use crate::way::{SOON, counts, nginx, scene};

const CALLS: usize = 3;

/// The connections that calls took, `pause` apart from each other. Every one of them ends well at once.
async fn connections(directives: &str, pause: Duration) -> Option<usize> {
    let scene = scene(&format!("{SOON}*{CALLS}"), Policy::default()).await;
    let (nginx, url) = nginx(&scene, directives)?;
    let client: Client<SentBody> = Client::builder().plain_http_only().build().expect("valid");
    let client = scene.stack.layer(client);

    for _ in 0..CALLS {
        let ended = perform(client.clone(), request(&url, Dialect::OpenAi)).await;
        assert_eq!(ended.classes(), [Class::Delivered], "{directives}");
        tokio::time::sleep(pause).await;
    }

    let calls = CALLS as u64;
    assert_eq!(counts(&scene).await, (calls, calls, calls));
    until("nginx's log", || nginx.requests().len() == CALLS).await;
    let connections = nginx
        .requests()
        .into_iter()
        .map(|request| request.connection);
    Some(connections.collect::<BTreeSet<_>>().len())
}

#[tokio::test]
async fn calls_that_follow_each_other_share_a_connection_to_the_proxy() {
    let Some(connections) = connections("", Duration::from_millis(50)).await else {
        return;
    };
    assert_eq!(connections, 1);
}

#[tokio::test]
async fn a_connection_that_the_proxy_has_closed_is_not_used() {
    let pause = Duration::from_millis(1500);
    let directives = "keepalive_timeout 1s;";
    let Some(connections) = connections(directives, pause).await else {
        return;
    };
    assert_eq!(connections, CALLS);
}

#[tokio::test]
async fn a_connection_that_the_proxy_may_close_soon_is_not_used() {
    let pause = Settings::default().paid_idle_timeout + Duration::from_millis(200);
    let directives = "keepalive_timeout 75s;";
    let Some(connections) = connections(directives, pause).await else {
        return;
    };
    assert_eq!(connections, CALLS);
}

#[tokio::test]
async fn a_proxy_that_closes_after_every_answer_harms_nobody() {
    let directives = "keepalive_timeout 0;";
    let Some(connections) = connections(directives, Duration::ZERO).await else {
        return;
    };
    assert_eq!(connections, CALLS);
}
