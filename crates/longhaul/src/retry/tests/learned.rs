//! Limits that grow with what a route delivers, through the whole stack.

use super::{script::Say, stacked::*, *};
use crate::{Stack, model::Decision};

/// A provider that takes as many seconds as the caller is called.
fn slow(stack: &Stack) -> Client {
    client(stack, |name, _| Say::picture(name.parse().unwrap())).0
}

/// Asks for so many small pictures that take so many seconds each, one after the other.
async fn deliver(client: &Client, seconds: u64, count: usize) {
    for _ in 0..count {
        let request = sized(&seconds.to_string(), Resolution::K1);
        client.clone().oneshot(request).await.unwrap();
    }
}

/// Whether a small picture that takes so many seconds is late, and the limit that was learned.
async fn is_late(client: &Client, request: Request<Full<Bytes>>) -> (bool, Option<Duration>) {
    let response = client.clone().oneshot(request).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap();
    let learned = report
        .decisions()
        .iter()
        .find_map(|decision| match decision {
            Decision::LearnedLimit { table, learned } => {
                assert_eq!(*table, 300 * SECOND);
                Some(*learned)
            }
            _ => None,
        });
    assert_eq!(report.attempts().len(), 1);
    (report.attempts()[0].is_late(), learned)
}

fn small(seconds: u64) -> Request<Full<Bytes>> {
    sized(&seconds.to_string(), Resolution::K1)
}

#[tokio::test(start_paused = true)]
async fn a_limit_grows_with_the_pictures_and_a_restart_forgets() {
    let stack = stack_of(|_| ());
    let client = slow(&stack);
    deliver(&client, 280, 9).await;
    assert_eq!(is_late(&client, small(400)).await, (true, None), "nine");
    deliver(&client, 280, 9).await;
    // Nine of ten took 280 s or less: half as much again.
    let learned = (false, Some(420 * SECOND));
    assert_eq!(is_late(&client, small(400)).await, learned);
    assert!(is_late(&client, small(425)).await.0);

    let restarted = slow(&stack_of(|_| ()));
    assert_eq!(is_late(&restarted, small(400)).await, (true, None));
    // The history of one that goes on is known to one that shares it.
    let shared = stack_of(|_| ()).with_routes(stack.routes().clone());
    assert!(is_late(&slow(&shared), small(400)).await.1.is_some());
}

#[tokio::test(start_paused = true)]
async fn it_grows_to_twice_the_tables_and_no_further() {
    let client = slow(&stack_of(|_| ()));
    deliver(&client, 590, 12).await;
    let learned = (false, Some(600 * SECOND));
    assert_eq!(is_late(&client, small(599)).await, learned);
}

#[tokio::test(start_paused = true)]
async fn a_few_slow_pictures_do_not_move_it() {
    let client = slow(&stack_of(|_| ()));
    deliver(&client, 100, 18).await;
    deliver(&client, 590, 2).await;
    assert_eq!(is_late(&client, small(310)).await, (true, None));
}

#[tokio::test(start_paused = true)]
async fn a_day_later_the_table_holds_again() {
    let client = slow(&stack_of(|_| ()));
    deliver(&client, 280, 12).await;
    assert!(is_late(&client, small(400)).await.1.is_some());
    sleep(24 * 3_600 * SECOND + SECOND).await;
    assert_eq!(is_late(&client, small(400)).await, (true, None));
}

#[tokio::test(start_paused = true)]
async fn another_host_and_another_size_learn_for_themselves() {
    let client = slow(&stack_of(|_| ()));
    deliver(&client, 280, 12).await;
    let mut elsewhere = small(400);
    *elsewhere.uri_mut() = "https://b.example/400".parse().unwrap();
    assert_eq!(is_late(&client, elsewhere).await, (true, None));
    let larger = sized("400", Resolution::K2);
    assert_eq!(is_late(&client, larger).await, (true, None));
    assert!(is_late(&client, small(400)).await.1.is_some());
}
