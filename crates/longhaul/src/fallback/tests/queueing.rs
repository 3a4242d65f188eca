//! More calls at once than a target has places.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, ServiceExt, service_fn};

use super::script::*;

const CALLS: u32 = 40;
const TAKES: u64 = 120;

#[tokio::test(start_paused = true)]
async fn a_queue_at_another_target_takes_no_time_from_a_call() {
    let mut policy = policy([seedream()]);
    policy.in_flight.max_per_host = 1;
    let stack = stack(policy);
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let client = stack.layer(service_fn(|request: http::Request<_>| {
            let answer = match request.uri().host() {
                Some("first.example") => QUOTA,
                _ => Act::Slowly(TAKES, 200, r#"{"data":[{"b64_json":"aW1n"}]}"#),
            };
            Script::new([answer]).serve(request)
        }));
        calls.spawn(async move {
            let answer = client.oneshot(request()).await;
            (began.elapsed(), answer.map(|answer| answer.status()))
        });
    }
    // The last one waits for more than an hour, and longer than the default deadline of any.
    for round in 1..=CALLS {
        let (ended, answer) = calls.join_next().await.unwrap().unwrap();
        assert_eq!(answer.unwrap(), 200, "call {round} ended after {ended:?}");
        assert_eq!(ended, round * Duration::from_secs(TAKES));
    }
}
