//! What may still be running, and the time that is left.

use std::time::Duration;

use super::script::*;
use crate::{
    Stack,
    error::RetryReport,
    fallback::{FallbackStoppedBy, Target},
    model::Class,
};

#[tokio::test(start_paused = true)]
async fn nobody_else_is_asked_while_an_attempt_may_be_running() {
    let mut policy = policy([route("second")]);
    policy.fallback.triggers.push(Class::IntermediaryCut);
    let script = Script::new([CUT]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first"]);
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Running);
    assert_eq!(answered.unwrap().status(), 524);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_attempt_of_the_report_counts_too() {
    let mut policy = policy([route("second")]);
    policy.retry.paid_attempts = 2;
    policy.retry.free_until = None;
    let script = Script::new([Act::Break, OVERLOADED, QUOTA]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first", "first", "first"]);
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Running);
    // What the retry layer hands on is the ending that may have cost more.
    assert_eq!(answered.unwrap_err().class(), Class::UnknownOutcome);
}

#[tokio::test(start_paused = true)]
async fn the_policy_may_allow_a_duplicate_and_the_report_says_so() {
    let mut direct = route("direct");
    direct.triggers = Some(vec![Class::IntermediaryCut]);
    let mut policy = policy([direct]);
    policy.fallback.allow_duplicate = vec![Class::IntermediaryCut];
    let script = Script::new([CUT, OK]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first", "direct"]);
    assert_eq!(report(&answered).duplicates(), 1);
    assert!(!report(&answered).hops()[0].duplicate);
    assert!(report(&answered).hops()[1].duplicate);
    assert_eq!(answered.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn of_two_failures_the_one_that_may_have_cost_more_is_handed_on() {
    let mut policy = policy([route("direct")]);
    policy.fallback.triggers = vec![Class::IntermediaryCut];
    policy.fallback.allow_duplicate = vec![Class::IntermediaryCut];
    let script = Script::new([CUT, OVERLOADED]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first", "direct"]);
    assert_eq!(made_by(&answered).index, 0);
    assert_eq!(answered.unwrap().status(), 524);
}

#[tokio::test(start_paused = true)]
async fn all_targets_share_one_operation_and_its_deadline() {
    let mut policy = policy([route("second")]);
    policy.retry.paid_attempts = 2;
    policy.retry.free_until = None;
    let script = Script::new([OVERLOADED, OVERLOADED, OVERLOADED, OK]);
    let answered = run(policy, &script).await;
    let seen = script.seen();
    let at: Vec<_> = seen.iter().map(|seen| seen.at.as_secs()).collect();
    assert_eq!(at, [0, 15, 15, 30]);
    let numbers: Vec<_> = seen.iter().map(|seen| seen.attempt.number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(
        seen.iter()
            .all(|it| it.attempt.operation() == seen[0].attempt.operation())
    );
    assert!(seen.iter().all(|it| it.deadline == seen[0].deadline));
    assert!(seen[0].deadline.is_some());
    // One key for each target, and each on both of its attempts.
    let key = |at: usize| seen[at].headers["idempotency-key"].clone();
    assert_eq!(key(0), key(1));
    assert_eq!(key(2), key(3));
    assert_ne!(key(0), key(2));
    let response = answered.unwrap();
    let last = response.extensions().get::<RetryReport>().unwrap();
    assert_eq!(last.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_key_is_used_up_by_the_first() {
    let mut again = route("second");
    again.key = crate::fallback::KeySource::Same(vec!["first.example".to_owned()]);
    let script = Script::new([OVERLOADED, OK]);
    let mut request = request();
    let key = http::HeaderValue::from_static("mine");
    request.headers_mut().insert("idempotency-key", key.clone());
    request.headers_mut().insert("x-request-key", key);
    let stack = Stack::new(policy([again])).unwrap();
    send(&stack, &script, request).await.unwrap();
    let seen = script.seen();
    assert_eq!(seen[0].headers["idempotency-key"], "mine");
    assert_ne!(seen[1].headers["idempotency-key"], "mine");
    assert!(!seen[1].headers.contains_key("x-request-key"));
    assert_eq!(seen[1].headers["authorization"], "Bearer first-key");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_after_the_deadline() {
    let script = Script::new([Act::Slowly(200, 503, r#"{"error":{"code":503}}"#)]);
    let mut request = request();
    let deadline = crate::attempt::Deadline::after(Duration::from_secs(200));
    request.extensions_mut().insert(deadline);
    let stack = Stack::new(policy([route("second")])).unwrap();
    let answered = send(&stack, &script, request).await;
    assert_eq!(script.hosts(), ["first"]);
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Deadline);
}

#[tokio::test(start_paused = true)]
async fn free_refusals_are_waited_through_at_the_last_target_alone() {
    let waiting = || {
        let mut policy = policy([route("second")]);
        policy.retry.free_until = None;
        policy
    };
    // Twice at the first, then on at the second.
    let script = Script::new([
        OVERLOADED, OVERLOADED, OVERLOADED, OVERLOADED, OVERLOADED, OK,
    ]);
    run(waiting(), &script).await.unwrap();
    let hosts = ["first", "first", "second", "second", "second", "second"];
    assert_eq!(script.hosts(), hosts);

    // Where the server asks for long, the next is asked at once.
    let later = Act::Answer(429, "retry-after: 30", "");
    let script = Script::new([later, OK]);
    run(waiting(), &script).await.unwrap();
    assert_eq!(script.hosts(), ["first", "second"]);

    // A target that cannot make it is none that could be asked.
    let mut incapable = waiting();
    incapable.fallback.targets[0].triggers = Some(vec![Class::QuotaExhausted]);
    let script = Script::new([OVERLOADED, OVERLOADED, OVERLOADED, OK]);
    run(incapable, &script).await.unwrap();
    assert_eq!(script.hosts(), ["first"; 4]);
}

#[tokio::test(start_paused = true)]
async fn no_target_is_asked_with_three_seconds_left() {
    let script = Script::new([Act::Slowly(200, 503, r#"{"error":{"code":503}}"#)]);
    let mut request = request();
    let deadline = crate::attempt::Deadline::after(Duration::from_secs(203));
    request.extensions_mut().insert(deadline);
    let stack = Stack::new(policy([route("second")])).unwrap();
    let answered = send(&stack, &script, request).await;
    assert_eq!(script.hosts(), ["first"]);
    let hops = report(&answered).hops().to_vec();
    assert_eq!(hops[1].class, Some(Class::NotBegun));
    assert_eq!(stack.ledger().records().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_at_the_same_host_waits_its_turn_for_a_place() {
    let mut policy = policy([Target::new("second", "https://first.example")]);
    policy.in_flight.max_per_host = 1;
    let stack = stack(policy);
    let script = Script::new([
        Act::Slowly(5, 503, r#"{"error":{"code":503}}"#),
        Act::Slowly(10, 200, r#"{"data":[{"b64_json":"aW1n"}]}"#),
        OK,
    ]);
    let other = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        send(&stack, &script, request()).await
    };
    let (answered, other) = tokio::join!(send(&stack, &script, request()), other);
    other.unwrap();
    assert_eq!(made_by(&answered).index, 1);
    let seen = script.seen();
    let at: Vec<_> = seen.iter().map(|seen| seen.at.as_secs()).collect();
    assert_eq!(at, [0, 5, 15]);
    assert_eq!(seen[0].attempt.operation(), seen[2].attempt.operation());
    assert_eq!(stack.in_flight(), 0);
}
