//! The breakers, in the stack.

use std::time::Duration;

use tokio::time::{advance, sleep};

use super::script::*;
use crate::{Stack, fallback::SkipReason};

fn stack() -> Stack {
    Stack::new(policy([route("second")])).unwrap()
}

/// Opens the breaker of the first.
async fn overload(stack: &Stack, script: &Script) {
    for _ in 0..3 {
        script.then([OVERLOADED, OK]);
        send(stack, script, request()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_is_passed_over_while_open_and_probed_after() {
    let (stack, script) = (stack(), Script::new([]));
    overload(&stack, &script).await;

    script.then([OK]);
    let answered = send(&stack, &script, request()).await;
    assert_eq!(script.hosts().last().unwrap(), "second");
    assert!(matches!(
        skipped(&answered)[0],
        Some(SkipReason::Open(Some(_)))
    ));
    assert_eq!(made_by(&answered).index, 1);

    advance(Duration::from_secs(60)).await;
    script.then([OK, OK]);
    for _ in 0..2 {
        let answered = send(&stack, &script, request()).await;
        assert_eq!(made_by(&answered).index, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn every_overload_of_an_operation_counts() {
    let mut policy = policy([route("second")]);
    policy.retry.free_until = None;
    let stack = Stack::new(policy).unwrap();
    // Two at the first target in each operation; the third opens its breaker.
    let acts = [OVERLOADED, OVERLOADED, OK, OVERLOADED, OVERLOADED, OK, OK];
    let script = Script::new(acts);
    for _ in 0..3 {
        send(&stack, &script, request()).await.unwrap();
    }
    assert_eq!(
        script.hosts(),
        [
            "first", "first", "second", "first", "first", "second", "second"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn another_size_or_model_has_a_breaker_of_its_own() {
    let (stack, script) = (stack(), Script::new([]));
    overload(&stack, &script).await;
    for (body, host) in [
        (
            r#"{"model":"nano-banana-pro","prompt":"a","size":"4K"}"#,
            "second",
        ),
        (
            r#"{"model":"nano-banana-pro","prompt":"a","size":"1K"}"#,
            "first",
        ),
        (
            r#"{"model":"gpt-image-2","prompt":"a","size":"4K"}"#,
            "first",
        ),
    ] {
        script.then([OK]);
        let mut request = request();
        *request.body_mut() = body.into();
        send(&stack, &script, request).await.unwrap();
        assert_eq!(script.hosts().last().unwrap(), host, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_calls_and_unknown_outcomes_open_nothing() {
    let (stack, script) = (stack(), Script::new([]));
    for _ in 0..5 {
        script.then([Act::Slowly(250, 200, r#"{"data":[{"b64_json":"aW1n"}]}"#)]);
        send(&stack, &script, request()).await.unwrap();
        script.then([Act::Break]);
        send(&stack, &script, request()).await.unwrap_err();
    }
    assert!(script.hosts().iter().all(|host| host == "first"));
}

#[tokio::test(start_paused = true)]
async fn it_stays_open_as_long_as_the_server_asks() {
    let (stack, script) = (stack(), Script::new([]));
    let told = Act::Answer(503, "retry-after: 90", "");
    script.then([OVERLOADED, OK, OVERLOADED, OK, told, OK]);
    for _ in 0..3 {
        send(&stack, &script, request()).await.unwrap();
    }
    for (wait, host) in [(89, "second"), (1, "first")] {
        advance(Duration::from_secs(wait)).await;
        script.then([OK]);
        send(&stack, &script, request()).await.unwrap();
        assert_eq!(script.hosts().last().unwrap(), host);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_left_the_first_is_asked_all_the_same() {
    let (stack, script) = (stack(), Script::new([]));
    for _ in 0..3 {
        script.then([OVERLOADED, OVERLOADED]);
        send(&stack, &script, request()).await.unwrap();
    }
    script.then([OK]);
    let answered = send(&stack, &script, request()).await;
    assert_eq!(made_by(&answered).index, 0);
    assert_eq!(report(&answered).hops().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_a_dropped_one_makes_room() {
    let (stack, script) = (stack(), Script::new([]));
    overload(&stack, &script).await;
    advance(Duration::from_secs(60)).await;
    script.then([Act::Silence, OK, OK]);
    let probe = tokio::spawn({
        let (stack, script) = (stack.clone(), script.clone());
        async move { send(&stack, &script, request()).await }
    });
    sleep(Duration::from_secs(1)).await;
    let answered = send(&stack, &script, request()).await;
    assert_eq!(skipped(&answered)[0], Some(SkipReason::Open(None)));
    probe.abort();
    sleep(Duration::from_secs(1)).await;
    let answered = send(&stack, &script, request()).await;
    assert_eq!(made_by(&answered).index, 0);
}
