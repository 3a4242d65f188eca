//! Calls that reach the provider as tasks and as streams.

use http::StatusCode;
use longhaul::Money;
use longhaul_gateway::config::{Cap, Config, Exchange, Per};
use longhaul_providers::{
    stream::{Api, StreamPolicy},
    tasks::TasksPolicy,
};

use super::support::{Running, SPEED, one_caller, provider};

const ORDER: &str = r#"{"model": "gpt-5.1", "input": "a cat",
    "tools": [{"type": "image_generation", "size": "1024x1024"}]}"#;

/// Host and port of the configuration's upstream.
fn host(config: &Config) -> String {
    let url = &config.upstreams[0].url;
    url.trim_start_matches("http://").to_owned()
}

fn as_tasks(config: &mut Config) {
    let policy = TasksPolicy::default().at(host(config), "openai-responses");
    let upstream = &mut config.upstreams[0];
    upstream.exchange = Exchange::Tasks;
    upstream.tasks = Some(policy.scaled(1.0 / SPEED).unwrap());
}

#[tokio::test]
async fn under_a_cap_the_polls_of_a_task_hold_no_money() {
    // Two pictures, and not a third.
    let (key, caller) = one_caller(Cap::new(Money::usd_micros(500_000), Per::Month));
    let gateway = Running::with(provider("none*9"), |config| {
        as_tasks(config);
        caller(config);
    })
    .await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    for (prompt, status) in [("a cat", 200), ("a dog", 200), ("a cow", 402)] {
        let body = ORDER.replace("a cat", prompt);
        let answer = gateway.post("/v1/responses", &body, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{prompt}");
    }
    assert_eq!(gateway.provider.oracle().totals().tasks, 2);
}

#[tokio::test]
async fn a_failed_task_is_answered_as_the_unary_call_would_be() {
    let gateway = Running::with(
        provider("task-failed@image_content_policy_violation*9"),
        as_tasks,
    )
    .await;
    let answer = gateway.post("/v1/responses", ORDER, &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("x-longhaul-class"), Some("ContentBlocked"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(gateway.provider.oracle().totals().tasks, 1);
}

#[tokio::test]
async fn a_stream_outlives_what_cuts_silent_lines() {
    // A unary call of five minutes is cut after one; a stream has pings in it.
    let gateway = Running::with(provider("cut@60+takes@300*9"), |config| {
        let policy = StreamPolicy::default().at(host(config), Api::Responses, 0);
        let upstream = &mut config.upstreams[0];
        upstream.exchange = Exchange::Stream;
        upstream.stream = Some(policy.scaled(1.0 / SPEED).unwrap());
    })
    .await;
    let answer = gateway.post("/v1/responses", ORDER, &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.json()["output"][0]["result"].is_string());
    let entries = gateway.provider.oracle().entries();
    assert_eq!(entries.len(), 1);
}
