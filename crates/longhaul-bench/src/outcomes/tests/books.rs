use std::{sync::Arc, time::Duration};

use tower::ServiceExt;

use super::{policy, scenario};
use crate::outcomes::{
    books,
    cell::miscounted,
    day::operations,
    world::{World, request},
};

/// A call that bypasses the stack is in the provider's books and not in ours.
#[tokio::test(start_paused = true)]
async fn a_charge_that_the_ledger_does_not_know_is_a_disagreement() {
    let scenario = scenario("mix = { k4 = 1 }");
    let operations: Arc<[_]> = operations(1, 1, &scenario).into();
    let world = World::new(&scenario, operations.clone(), 1).unwrap();
    let stack = policy("longhaul")
        .build(world.clone())
        .unwrap()
        .stack
        .unwrap();
    let bypassing = policy("once").build(world.clone()).unwrap().client;

    let request = request(0, operations[0], false).unwrap();
    bypassing.oneshot(request).await.unwrap();
    world.settled().await;
    let (_, wrong) = books::closed(&stack, &world.entries());
    assert!(
        wrong.iter().any(|line| line.contains("has 0 entries")),
        "{wrong:?}"
    );
    assert!(
        wrong
            .iter()
            .any(|line| line.contains("the provider charged")),
        "{wrong:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_no_caller_holds_is_a_disagreement() {
    let scenario = scenario("mix = { k4 = 1 }");
    let operations: Arc<[_]> = operations(1, 1, &scenario).into();
    let world = World::new(&scenario, operations.clone(), 1).unwrap();
    let client = policy("once").build(world.clone()).unwrap().client;

    client
        .oneshot(request(0, operations[0], false).unwrap())
        .await
        .unwrap();
    world.settled().await;
    let some = Some(Duration::from_secs(120));
    assert_eq!(miscounted(&[some], &world.entries()), [""; 0]);
    for (waits, told) in [
        (
            &[None][..],
            "operation 0 has 0 pictures, providers delivered 1",
        ),
        (
            &[some, some],
            "operation 1 has 1 pictures, providers delivered 0",
        ),
    ] {
        let wrong = miscounted(waits, &world.entries());
        assert!(wrong.len() == 1 && wrong[0].contains(told), "{wrong:?}");
    }
}
