//! An operation has one place at a host, whatever is made beside a late attempt of it.

use super::{script::Say, stacked::*, *};
use crate::{Stack, model::Decision};

/// So many places at each host.
fn stack(places: usize) -> Stack {
    stack_of(|policy| policy.in_flight.max_per_host = places)
}

#[tokio::test(start_paused = true)]
async fn ten_silent_calls_do_not_hold_up_their_own_successors() {
    let stack = stack(10);
    let (client, sent) = client(&stack, |name, number| match (name, number) {
        ("eleventh", _) => Say::picture(50),
        (_, 1) => SILENT,
        _ => Say::picture(100),
    });
    let call = |name: &str| tokio::spawn(client.clone().oneshot(of(name)));
    let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let calls: Vec<_> = names.iter().map(|name| call(name)).collect();
    sleep(SECOND).await;
    let eleventh = call("eleventh");
    sleep(649 * SECOND).await;
    assert_eq!(stack.in_flight(), 10, "operations, not attempts");
    for (name, call) in names.iter().zip(calls) {
        let response = call.await.unwrap().unwrap();
        assert_eq!(response.body(), script::PICTURE);
        assert_eq!(times(&sent, name), [0, 605]);
        let report = response.extensions().get::<RetryReport>().unwrap();
        let shared = Decision::SharedPlace {
            attempt: 2,
            holder: 1,
        };
        assert!(report.decisions().contains(&shared));
    }
    // It waits for a place of its own, and has one when the first of them has ended.
    eleventh.await.unwrap().unwrap();
    assert_eq!(times(&sent, "eleventh"), [705]);
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_third_shares_the_place_although_the_first_has_ended() {
    let stack = stack(1);
    let (client, sent) = client(&stack, |name, number| match (name, number) {
        ("waiter", _) => Say::picture(1),
        (_, 1) => Say::broken(700),
        (_, 2) => SILENT,
        _ => Say::picture(100),
    });
    let call = tokio::spawn(client.clone().oneshot(of("caller")));
    sleep(SECOND).await;
    let waiter = tokio::spawn(client.oneshot(of("waiter")));
    call.await.unwrap().unwrap();
    // The second is late at 1,205 s, and holds the place when the first has ended.
    assert_eq!(times(&sent, "caller"), [0, 605, 1_215]);
    waiter.await.unwrap().unwrap();
    assert_eq!(times(&sent, "waiter"), [1_315]);
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_after_one_that_ended_waits_its_turn() {
    let stack = stack(1);
    let (client, sent) = client(&stack, |name, number| match (name, number) {
        ("other", _) => Say::picture(50),
        (_, 1) => Say::broken(10),
        _ => Say::picture(100),
    });
    let call = tokio::spawn(client.clone().oneshot(of("caller")));
    sleep(SECOND).await;
    let other = tokio::spawn(client.oneshot(of("other")));
    let response = call.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(times(&sent, "other"), [10]);
    assert_eq!(times(&sent, "caller"), [0, 60]);
    let report = response.extensions().get::<RetryReport>().unwrap();
    let shared = |it: &Decision| matches!(it, Decision::SharedPlace { .. });
    assert!(!report.decisions().iter().any(shared));
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_the_place_is_free_at_once() {
    // Later there is too little time left for the other.
    for cut in (0..2_100).step_by(15) {
        let stack = stack(1);
        let (client, sent) = client(&stack, |name, _| match name {
            "next" => Say::picture(1),
            _ => SILENT,
        });
        let call = client.clone().oneshot(of("caller"));
        let call = tokio::time::timeout(Duration::from_secs(cut), call);
        let next = async {
            sleep(SECOND / 2).await;
            client.clone().oneshot(of("next")).await
        };
        let (cut_short, next) = tokio::join!(call, next);
        assert!(cut_short.is_err(), "at {cut}");
        next.unwrap();
        // The other waits for it, and for nothing else.
        assert_eq!(times(&sent, "next"), [cut], "cut at {cut}");
        assert_eq!(stack.in_flight(), 0, "cut at {cut}");
    }
}
