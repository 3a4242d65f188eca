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

/// So many calls for one place, each of which takes 100 s: those that got no picture, and how long it took.
async fn in_line(
    calls: u64,
    stack: &Stack,
    says: fn(&str, u32) -> Say,
    deadline: Option<Deadline>,
) -> (usize, u64) {
    let began = Instant::now();
    let (client, _) = client(stack, says);
    let calls: Vec<_> = (0..calls)
        .map(|call| {
            let mut request = of(&call.to_string());
            if let Some(deadline) = deadline {
                request.extensions_mut().insert(deadline);
            }
            tokio::spawn(client.clone().oneshot(request))
        })
        .collect();
    let mut failed = 0;
    for call in calls {
        if let Err(error) = call.await.unwrap() {
            assert_eq!(error.class(), Class::NotBegun);
            failed += 1;
        }
    }
    assert_eq!(stack.in_flight(), 0);
    (failed, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_for_one_place_are_all_served() {
    let in_time = |_: &str, _| Say::picture(100);
    assert_eq!(in_line(100, &stack(1), in_time, None).await, (0, 10_000));
}

#[tokio::test(start_paused = true)]
async fn who_was_refused_waits_in_line_without_losing_time() {
    // Each gives its place up, and goes to the end of the line.
    let refused_once = |_: &str, attempt| match attempt {
        1 => Say::overloaded(100),
        _ => Say::picture(100),
    };
    let (failed, _) = in_line(50, &stack(1), refused_once, None).await;
    assert_eq!(failed, 0);
}

#[tokio::test(start_paused = true)]
async fn after_the_queue_an_operation_has_its_whole_time() {
    let stack = stack(1);
    let (client, sent) = client(&stack, |name, _| match name {
        "holder" => Say::picture(2_000),
        _ => SILENT,
    });
    let holder = tokio::spawn(client.clone().oneshot(of("holder")));
    sleep(SECOND).await;
    let began = Instant::now();
    let error = client.oneshot(of("caller")).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(began.elapsed().as_secs(), 1_999 + 2_250);
    assert_eq!(times(&sent, "caller")[0], 2_000);
    holder.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_was_set_counts_in_the_queue_too() {
    let in_time = |_: &str, _| Say::picture(100);
    let callers = Deadline::after(1_000 * SECOND);
    let (failed, took) = in_line(20, &stack(1), in_time, Some(callers)).await;
    assert_eq!((failed, took), (11, 900));
    let policys = stack_of(|policy| {
        policy.in_flight.max_per_host = 1;
        policy.retry.deadline = Some(PerResolution::from_secs(1_000, 1_000, 1_000, 1_000));
    });
    assert_eq!(in_line(20, &policys, in_time, None).await, (11, 900));
}
